import {
  type BlobRow,
  leaseBlobs as leaseRows,
  releaseLeases as releaseRows,
  renewLeases as renewRows,
} from '@entrepot/database';
import type { Digest } from '@entrepot/oci';
import type { ContentContext } from './context.js';

/** Keeps blobs from being collected for so long. Returns them, and which are not here. */
export async function leaseBlobs(
  context: ContentContext,
  owner: string,
  digests: readonly Digest[],
  ttlMs: number,
): Promise<{ leased: BlobRow[]; missing: Digest[] }> {
  const leased = await leaseRows(context.database.prisma, owner, digests, ttlMs);
  const here = new Set(leased.map(({ digest }) => digest));
  return { leased, missing: digests.filter((digest) => !here.has(digest)) };
}

/** Extends all leases of an owner, and says how many there are. */
export async function renewLeases(context: ContentContext, owner: string, ttlMs: number): Promise<number> {
  return await renewRows(context.database.prisma, owner, ttlMs);
}

/** Ends all leases of an owner. Idempotent. */
export async function releaseLeases(context: ContentContext, owner: string): Promise<void> {
  await releaseRows(context.database.prisma, owner);
}
