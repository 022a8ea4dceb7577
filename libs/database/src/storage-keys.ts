import type { BlobRow } from './blobs.js';
import type { Tx } from './transaction.js';

/** Those of the keys that some row knows. */
export async function findKnownKeys(tx: Tx, storageKeys: readonly string[]): Promise<string[]> {
  const rows = await tx.$queryRaw<{ key: string }[]>`
    select key from unnest(${[...storageKeys]}::text[]) as k (key)
     where exists (select from blob where storage_key = key) or exists (select from upload where storage_key = key)
        or exists (select from tombstone where storage_key = key)`;
  return rows.map((row) => row.key);
}

/** Pages through all blobs in the order of their keys; `after` is '' for the first page. */
export async function listBlobsByKey(tx: Tx, options: { after: string; limit: number }): Promise<BlobRow[]> {
  return await tx.$queryRaw<BlobRow[]>`
    select digest, size_bytes::float8 as "sizeBytes", storage_key as "storageKey"
      from blob where storage_key > ${options.after} order by storage_key limit ${options.limit}`;
}
