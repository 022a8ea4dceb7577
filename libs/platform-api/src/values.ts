import { InvalidPlatformError, isDigest, parsePlatform } from '@entrepot/oci';
import { z } from 'zod';

/** A content digest. */
export const digest = z.string().refine(isDigest, 'expected a digest like sha256:…').meta({ id: 'Digest' });

/** A moment, RFC 3339. */
export const time = z.iso.datetime({ offset: true });

/** A platform as it is typed. */
export const platform = z.string().max(128).refine(isPlatform, 'expected a platform like linux/arm64');

function isPlatform(text: string): boolean {
  try {
    parsePlatform(text);
    return true;
  } catch (error) {
    if (error instanceof InvalidPlatformError) return false;
    throw error;
  }
}
