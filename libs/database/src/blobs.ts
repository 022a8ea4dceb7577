import type { Digest } from '@entrepot/oci';
import type { Tx } from './transaction.js';

/** Stored and verified bytes. */
export interface BlobRow {
  digest: Digest;
  sizeBytes: number;
  storageKey: string;
}

/** What an admitted object became: `lost` when its upload had expired or belongs to nobody any more. */
export type Admission = 'stored' | 'duplicate' | 'lost';

/** Those of the blobs that are stored, in no order. */
export async function findBlobs(tx: Tx, digests: readonly Digest[]): Promise<BlobRow[]> {
  return await tx.$queryRaw<BlobRow[]>`
    select digest, size_bytes::float8 as "sizeBytes", storage_key as "storageKey"
      from blob where digest = any(${[...digests]}::text[])`;
}

/**
 * Turns an upload into a blob. Of two objects with one digest the later one becomes a tombstone; that the earlier one
 * stays is up to `holdBlob`, since a collection of it may be under way.
 */
export async function admitObject(tx: Tx, object: BlobRow): Promise<Admission> {
  const { digest, sizeBytes, storageKey } = object;
  const [row] = await tx.$queryRaw<{ uploads: number; blobs: number }[]>`
    with gone as (delete from upload where storage_key = ${storageKey} returning storage_key),
    put as (
      insert into blob (digest, size_bytes, storage_key)
        select ${digest}, ${sizeBytes}::bigint, storage_key from gone
        on conflict (digest) do nothing returning digest),
    dead as (
      insert into tombstone (storage_key, size_bytes, reason)
        select storage_key, ${sizeBytes}::bigint, 'duplicate' from gone where not exists (select from put))
    select (select count(*)::int from gone) as uploads, (select count(*)::int from put) as blobs`;
  if (row?.uploads !== 1) return 'lost';
  return row.blobs === 1 ? 'stored' : 'duplicate';
}

/** Takes back what `admitObject` did with a duplicate, for another try. */
export async function unadmitObject(tx: Tx, object: BlobRow): Promise<void> {
  await tx.$executeRaw`
    with back as (delete from tombstone where storage_key = ${object.storageKey} returning storage_key, size_bytes)
    insert into upload (storage_key, size_bytes, owner, expires_at)
      select storage_key, size_bytes, 'admission', now() + interval '1 hour' from back`;
}

/** Keeps a blob from being collected until the transaction ends; waits for a collection that has begun. */
export async function holdBlob(tx: Tx, digest: Digest): Promise<BlobRow | null> {
  const rows = await tx.$queryRaw<BlobRow[]>`
    select digest, size_bytes::float8 as "sizeBytes", storage_key as "storageKey"
      from blob where digest = ${digest} for key share`;
  return rows[0] ?? null;
}

/** Locks blobs against everybody who would refer to them. Never waits: what somebody holds is left out. */
export async function lockUnheldBlobs(tx: Tx, digests: readonly Digest[]): Promise<Digest[]> {
  const rows = await tx.$queryRaw<{ digest: Digest }[]>`
    select digest from blob where digest = any(${[...digests]}::text[]) order by digest for update skip locked`;
  return rows.map((row) => row.digest);
}

/** Deletes rows whose objects are to go, leaving a tombstone for each. Foreign keys stop it for a blob in use. */
export async function buryBlobs(tx: Tx, digests: readonly Digest[]): Promise<{ blobs: number; sizeBytes: number }> {
  const [row] = await tx.$queryRaw<{ blobs: number; sizeBytes: number }[]>`
    with gone as (
      delete from blob where digest = any(${[...digests]}::text[]) returning storage_key, size_bytes),
    dead as (
      insert into tombstone (storage_key, size_bytes, reason)
        select storage_key, size_bytes, 'unreferenced' from gone)
    select count(*)::int as blobs, coalesce(sum(size_bytes), 0)::float8 as "sizeBytes" from gone`;
  return row ?? { blobs: 0, sizeBytes: 0 };
}
