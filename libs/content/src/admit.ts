import {
  admitObject,
  advancePulls,
  deleteFetches,
  holdBlob,
  leaseForOwners,
  leaseForWaitingPulls,
  type Tx,
  unadmitObject,
} from '@entrepot/database';
import { type Digest, digestOf } from '@entrepot/oci';
import { type ContentContext, pullLeaseMs } from './context.js';
import { UploadLostError } from './errors.js';
import { openIngest, type StoredObject } from './ingest.js';

const maxRounds = 10;

/**
 * Makes a stored object the blob of its digest. When there is one already, that one stays and the object becomes a
 * tombstone (`storedAlready`). Either way the blob cannot go before the transaction ends, and after it for as long as
 * the lease runs; without a lease owner the caller refers to it in the same transaction.
 *
 * @throws {UploadLostError} the upload expired before
 */
export async function admitBlob(
  tx: Tx,
  stored: StoredObject,
  leaseOwner?: string,
  leaseMs = pullLeaseMs,
): Promise<{ storedAlready: boolean }> {
  for (let round = 0; round < maxRounds; round++) {
    const admission = await admitObject(tx, stored);
    if (admission === 'lost') throw new UploadLostError(stored.storageKey);
    // A collection may be taking the earlier blob away; then ours takes its place.
    if (admission === 'duplicate' && (await holdBlob(tx, stored.digest)) === null) {
      await unadmitObject(tx, stored);
      continue;
    }
    if (leaseOwner !== undefined) await leaseForOwners(tx, [{ digest: stored.digest, owner: leaseOwner }], leaseMs);
    return { storedAlready: admission === 'duplicate' };
  }
  throw new UploadLostError(stored.storageKey);
}

/**
 * Lets everybody go on who waits for blobs that are here now: fetches of them end, each waiting pull gets its lease,
 * and those that miss nothing more are due for publishing. The caller holds the blobs. Whoever stores blobs by another
 * way than a fetch calls this in the same transaction.
 */
export async function settleFetches(tx: Tx, digests: readonly Digest[]): Promise<{ duePulls: string[] }> {
  await deleteFetches(tx, digests);
  return await releaseWaiters(tx, digests);
}

/** The second half of `settleFetches`, for a fetch whose row is gone already. */
export async function releaseWaiters(tx: Tx, digests: readonly Digest[]): Promise<{ duePulls: string[] }> {
  // Locked before anything is looked up: of two blobs that arrive at once, the later one sees the earlier one's lease.
  return { duePulls: await advancePulls(tx, await leaseForWaitingPulls(tx, digests, pullLeaseMs)) };
}

/**
 * Stores small bytes that are at hand, such as a config, with a lease. Idempotent. Returns their digest, and the pulls
 * that are due for publishing because of it.
 */
export async function storeBytes(
  context: ContentContext,
  bytes: Buffer,
  options: { digest?: Digest; owner: string; leaseMs?: number },
): Promise<{ digest: Digest; duePulls: string[] }> {
  const digest = options.digest ?? digestOf(bytes);
  const ingest = await openIngest(context, { digest, sizeBytes: bytes.length, owner: options.owner, ttlMs: 600_000 });
  try {
    await ingest.write(bytes);
    const stored = await ingest.finish();
    return await context.database.transaction(async (tx) => {
      await admitBlob(tx, stored, options.owner, options.leaseMs);
      return { digest, ...(await settleFetches(tx, [digest])) };
    });
  } catch (error) {
    await ingest.abort();
    throw error;
  }
}
