import type { Digest } from '@entrepot/oci';
import { afterMs } from './database-time.js';
import type { Tx } from './transaction.js';

/** What still keeps a blob. */
export interface BlobUse {
  digest: Digest;
  /** Somebody refers to it for good. */
  referenced: boolean;
  /** How long the last lease runs, negative for one that ran out while somebody holds it; null without a lease. */
  leasedForMs: number | null;
}

/** Locks the oldest reviews that are due, leaving out what another collector has. */
export async function pickDueReviews(tx: Tx, options: { collectAfterMs: number; limit: number }): Promise<Digest[]> {
  const rows = await tx.$queryRaw<{ digest: Digest }[]>`
    select blob_digest as digest from blob_review
     where unreferenced_at <= ${afterMs(-options.collectAfterMs)} and retry_at <= now()
     order by unreferenced_at for update skip locked limit ${options.limit}`;
  return rows.map((row) => row.digest);
}

/** Asked after the blobs are locked, in a statement of its own, so that it sees everything that was there before. */
export async function listBlobUses(tx: Tx, digests: readonly Digest[]): Promise<BlobUse[]> {
  return await tx.$queryRaw<BlobUse[]>`
    select d.digest, exists (select from blob_in_use u where u.blob_digest = d.digest) as referenced,
           (select (extract(epoch from max(l.expires_at) - now()) * 1000)::float8
              from blob_lease l where l.blob_digest = d.digest) as "leasedForMs"
      from unnest(${[...digests]}::text[]) as d (digest)`;
}

/** The blobs are in use; the next release queues them again. */
export async function dropReviews(tx: Tx, digests: readonly Digest[]): Promise<void> {
  if (digests.length === 0) return;
  await tx.$executeRaw`delete from blob_review where blob_digest = any(${[...digests]}::text[])`;
}

/** Looks again at the end of the lease, from which on the blob counts as unreferenced. */
export async function postponeReviews(tx: Tx, postponed: readonly { digest: Digest; forMs: number }[]): Promise<void> {
  if (postponed.length === 0) return;
  await tx.$executeRaw`
    update blob_review r
       set retry_at = now() + make_interval(secs => p.for_ms / 1000), reviews = r.reviews + 1,
           unreferenced_at = greatest(r.unreferenced_at, now() + make_interval(secs => p.for_ms / 1000))
      from unnest(${postponed.map((p) => p.digest)}::text[], ${postponed.map((p) => p.forMs)}::float8[])
           as p (digest, for_ms)
     where r.blob_digest = p.digest`;
}

/** Somebody holds the blobs at this moment: looks again soon, without counting anew. */
export async function retryReviews(tx: Tx, digests: readonly Digest[], waitMs: number): Promise<void> {
  if (digests.length === 0) return;
  await tx.$executeRaw`
    update blob_review set retry_at = ${afterMs(waitMs)}, reviews = reviews + 1
     where blob_digest = any(${[...digests]}::text[])`;
}
