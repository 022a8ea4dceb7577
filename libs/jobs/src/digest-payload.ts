import { type Digest, isDigest } from '@entrepot/oci';
import { z } from 'zod';

/** A payload that names one blob. */
export const digestPayload = z.object({
  digest: z.custom<Digest>((value) => typeof value === 'string' && isDigest(value), 'not a digest'),
});

/** BullMQ refuses `:` in ids, so a digest goes in as `sha256-…`. */
export function digestId(verb: string, digest: Digest): string {
  return `${verb}-${digest.replace(':', '-')}`;
}
