import { leaseBlobs, queueFetches, type Tx } from '@entrepot/database';
import type { Digest } from '@entrepot/oci';
import { settleFetches } from './admit.js';
import { pullLeaseMs, pullOwner } from './context.js';

/**
 * Gives a pull, which the caller has locked, leases on the blobs that are here, and queues fetches for the others,
 * which are returned. `duePulls` are other pulls that turned out complete on the way.
 */
export async function leaseOrQueue(
  tx: Tx,
  pullId: string,
  blobs: readonly { digest: Digest; sizeBytes: number }[],
): Promise<{ missing: Digest[]; duePulls: string[] }> {
  const absent = await leaseSome(tx, pullId, blobs);
  if (absent.length === 0) return { missing: [], duePulls: [] };
  await queueFetches(tx, absent);
  // Looked for again: a fetch that ended in between either waited for our lock and will see this pull, or has left its
  // blob, which then needs no fetch.
  const missing = (await leaseSome(tx, pullId, absent)).map(({ digest }) => digest);
  const arrived = absent.map(({ digest }) => digest).filter((digest) => !missing.includes(digest));
  return { missing, duePulls: arrived.length > 0 ? (await settleFetches(tx, arrived)).duePulls : [] };
}

/** Leases what is here, and returns what is not. */
async function leaseSome<T extends { digest: Digest }>(tx: Tx, pullId: string, blobs: readonly T[]): Promise<T[]> {
  const digests = blobs.map(({ digest }) => digest);
  const leased = await leaseBlobs(tx, pullOwner(pullId), digests, pullLeaseMs);
  const here = new Set(leased.map(({ digest }) => digest));
  return blobs.filter(({ digest }) => !here.has(digest));
}
