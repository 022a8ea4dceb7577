import type { Digest } from '@entrepot/oci';
import type { BlobRow } from './blobs.js';
import { afterMs } from './database-time.js';
import type { Tx } from './transaction.js';

/**
 * Keeps those of the blobs that are stored, and returns them. Waits for a collection that has begun, so what is
 * returned stays until the lease ends; a lease of the same owner is extended.
 */
export async function leaseBlobs(tx: Tx, owner: string, digests: readonly Digest[], ttlMs: number): Promise<BlobRow[]> {
  if (digests.length === 0) return [];
  return await tx.$queryRaw<BlobRow[]>`
    with held as (
      select digest, size_bytes, storage_key from blob
       where digest = any(${[...digests]}::text[]) order by digest for key share),
    leased as (
      insert into blob_lease (blob_digest, owner, expires_at)
        select digest, ${owner}, ${afterMs(ttlMs)} from held
        on conflict (blob_digest, owner) do update
          set expires_at = greatest(blob_lease.expires_at, excluded.expires_at))
    select digest, size_bytes::float8 as "sizeBytes", storage_key as "storageKey" from held`;
}

/** One lease on each blob for each owner; the caller holds the blobs. */
export async function leaseForOwners(
  tx: Tx,
  leases: readonly { digest: Digest; owner: string }[],
  ttlMs: number,
): Promise<void> {
  if (leases.length === 0) return;
  await tx.$executeRaw`
    insert into blob_lease (blob_digest, owner, expires_at)
      select digest, owner, ${afterMs(ttlMs)}
        from unnest(${leases.map((l) => l.digest)}::text[], ${leases.map((l) => l.owner)}::text[]) as l (digest, owner)
       order by digest, owner
      on conflict (blob_digest, owner) do update
        set expires_at = greatest(blob_lease.expires_at, excluded.expires_at)`;
}

/** Extends all leases of an owner; returns how many there are. Those that were collected meanwhile are gone. */
export async function renewLeases(tx: Tx, owner: string, ttlMs: number): Promise<number> {
  return await tx.$executeRaw`
    update blob_lease set expires_at = greatest(expires_at, ${afterMs(ttlMs)}) where owner = ${owner}`;
}

/** Extends the leases of all pulls that are under way and would run out before half the time. */
export async function renewPullLeases(tx: Tx, ttlMs: number): Promise<number> {
  return await tx.$executeRaw`
    update blob_lease l set expires_at = ${afterMs(ttlMs)}
      from pull p
     where p.state in ('queued', 'fetching', 'publishing') and l.owner = 'pull:' || p.id
       and l.expires_at < ${afterMs(ttlMs / 2)}`;
}

/** Ends all leases of an owner; a trigger has the blobs reviewed. */
export async function releaseLeases(tx: Tx, owner: string): Promise<void> {
  await tx.$executeRaw`delete from blob_lease where owner = ${owner}`;
}

/** Deletes leases that ran out and that nobody renews at this moment. Returns how many. */
export async function expireLeases(tx: Tx, limit: number): Promise<number> {
  return await tx.$executeRaw`
    delete from blob_lease where (blob_digest, owner) in (
      select blob_digest, owner from blob_lease where expires_at <= now()
       order by expires_at for update skip locked limit ${limit})`;
}

/** The same for some blobs; returns those that lost a lease by it. Never waits. */
export async function expireLeasesOf(tx: Tx, digests: readonly Digest[]): Promise<Digest[]> {
  const rows = await tx.$queryRaw<{ digest: Digest }[]>`
    delete from blob_lease where (blob_digest, owner) in (
      select blob_digest, owner from blob_lease
       where blob_digest = any(${[...digests]}::text[]) and expires_at <= now() for update skip locked)
    returning blob_digest as digest`;
  return [...new Set(rows.map((row) => row.digest))];
}
