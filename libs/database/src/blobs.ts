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
 * Turns uploads into blobs. Of two objects with one digest the later one becomes a tombstone; that the earlier one
 * stays is up to `holdBlobs`, since a collection of it may be under way. By storage key.
 */
export async function admitObjects(tx: Tx, objects: readonly BlobRow[]): Promise<Map<string, Admission>> {
  const rows = await tx.$queryRaw<{ storageKey: string; admission: Admission }[]>`
    with object as (
      select * from unnest(${objects.map((o) => o.digest)}::text[], ${objects.map((o) => o.sizeBytes)}::bigint[],
                           ${objects.map((o) => o.storageKey)}::text[]) as o (digest, size_bytes, storage_key)),
    gone as (delete from upload u using object o where u.storage_key = o.storage_key returning u.storage_key),
    put as (
      insert into blob (digest, size_bytes, storage_key)
        select o.digest, o.size_bytes, o.storage_key from object o join gone using (storage_key) order by o.digest
        on conflict (digest) do nothing returning storage_key),
    dead as (
      insert into tombstone (storage_key, size_bytes, reason)
        select o.storage_key, o.size_bytes, 'duplicate' from object o join gone using (storage_key)
         where o.storage_key not in (select storage_key from put))
    select o.storage_key as "storageKey",
           case when p.storage_key is not null then 'stored' when g.storage_key is not null then 'duplicate'
                else 'lost' end as admission
      from object o left join gone g using (storage_key) left join put p using (storage_key)`;
  return new Map(rows.map(({ storageKey, admission }) => [storageKey, admission]));
}

/** Takes back what `admitObjects` did with duplicates, for another try. */
export async function unadmitObjects(tx: Tx, storageKeys: readonly string[]): Promise<void> {
  await tx.$executeRaw`
    with back as (
      delete from tombstone where storage_key = any(${[...storageKeys]}::text[]) returning storage_key, size_bytes)
    insert into upload (storage_key, size_bytes, owner, expires_at)
      select storage_key, size_bytes, 'admission', now() + interval '1 hour' from back`;
}

/** Keeps blobs from being collected until the transaction ends; waits for a collection that has begun. Returns those that stay. */
export async function holdBlobs(tx: Tx, digests: readonly Digest[]): Promise<Digest[]> {
  const rows = await tx.$queryRaw<{ digest: Digest }[]>`
    select digest from blob where digest = any(${[...digests]}::text[]) order by digest for key share`;
  return rows.map(({ digest }) => digest);
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
