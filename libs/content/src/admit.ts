import {
  admitObjects,
  advancePulls,
  deleteFetches,
  holdBlobs,
  leaseForOwners,
  leaseForWaitingPulls,
  type Tx,
  unadmitObjects,
} from '@entrepot/database';
import { type Digest, digestOf } from '@entrepot/oci';
import { type ContentContext, pullLeaseMs } from './context.js';
import { UploadLostError } from './errors.js';
import { openIngest, type StoredObject } from './ingest.js';

const maxRounds = 10;

/**
 * Makes stored objects the blobs of their digests. Where there is one already, that one stays and the object becomes a
 * tombstone; the digests of those are returned (`storedAlready`). Either way the blobs cannot go before the transaction
 * ends, and after it for as long as the lease runs; without a lease the caller refers to them in the same transaction.
 *
 * @throws {UploadLostError} an upload expired before
 */
export async function admitBlobs(
  tx: Tx,
  stored: readonly StoredObject[],
  lease?: { owner: string; leaseMs?: number },
): Promise<{ storedAlready: Digest[] }> {
  const storedAlready: Digest[] = [];
  for (let open = stored, round = 0; open.length > 0; round++) {
    const duplicates = await admitOnce(tx, open, round);
    const held = new Set(duplicates.length === 0 ? [] : await holdBlobs(tx, digestsOf(duplicates)));
    storedAlready.push(...digestsOf(duplicates.filter(({ digest }) => held.has(digest))));
    // A collection may be taking the earlier blob away; then ours takes its place.
    open = duplicates.filter(({ digest }) => !held.has(digest));
    if (open.length > 0) await unadmitObjects(tx, keysOf(open));
  }
  if (lease !== undefined) {
    const leases = stored.map(({ digest }) => ({ digest, owner: lease.owner }));
    await leaseForOwners(tx, leases, lease.leaseMs ?? pullLeaseMs);
  }
  return { storedAlready };
}

/** Returns the duplicates. */
async function admitOnce(tx: Tx, objects: readonly StoredObject[], round: number): Promise<StoredObject[]> {
  const admissions = await admitObjects(tx, objects);
  const lost = objects.find(({ storageKey }) => admissions.get(storageKey) === 'lost');
  if (lost !== undefined) throw new UploadLostError(lost.storageKey);
  const duplicates = objects.filter(({ storageKey }) => admissions.get(storageKey) === 'duplicate');
  if (round === maxRounds && duplicates[0] !== undefined) throw new UploadLostError(duplicates[0].storageKey);
  return duplicates;
}

const digestsOf = (objects: readonly StoredObject[]): Digest[] => objects.map(({ digest }) => digest);
const keysOf = (objects: readonly StoredObject[]): string[] => objects.map(({ storageKey }) => storageKey);

/**
 * Lets everybody go on who waits for blobs that are here now: fetches of them end, each waiting pull gets its lease,
 * and those that miss nothing more are due for publishing. The caller holds the blobs. Whoever stores blobs by another
 * way than a fetch calls this in the same transaction.
 */
export async function settleFetches(tx: Tx, digests: readonly Digest[]): Promise<{ duePulls: string[] }> {
  return (await deleteFetches(tx, digests)) ? await releaseWaiters(tx, digests) : { duePulls: [] };
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
      await admitBlobs(tx, [stored], options);
      return { digest, ...(await settleFetches(tx, [digest])) };
    });
  } catch (error) {
    await ingest.abort();
    throw error;
  }
}
