import { afterMs } from './database-time.js';
import type { Tx } from './transaction.js';

/** An object that is to be deleted from the store. */
export interface Tombstone {
  storageKey: string;
  sizeBytes: number;
  attempts: number;
}

/** Takes due tombstones for a while, so that the store is asked outside a transaction. */
export async function takeDueTombstones(tx: Tx, options: { limit: number; forMs: number }): Promise<Tombstone[]> {
  return await tx.$queryRaw<Tombstone[]>`
    update tombstone t set not_before = ${afterMs(options.forMs)}, attempts = t.attempts + 1
      from (select storage_key from tombstone where not_before <= now()
             order by not_before for update skip locked limit ${options.limit}) due
     where t.storage_key = due.storage_key
       and not exists (select from blob b where b.storage_key = t.storage_key)
    returning t.storage_key as "storageKey", t.size_bytes::float8 as "sizeBytes", t.attempts`;
}

/** The store has said that the bytes are gone. */
export async function deleteTombstones(tx: Tx, storageKeys: readonly string[]): Promise<void> {
  if (storageKeys.length === 0) return;
  await tx.$executeRaw`delete from tombstone where storage_key = any(${[...storageKeys]}::text[])`;
}

/** The store refused; each is tried again after its wait. */
export async function retryTombstones(
  tx: Tx,
  failed: readonly { storageKey: string; reason: string; waitMs: number }[],
): Promise<void> {
  if (failed.length === 0) return;
  await tx.$executeRaw`
    update tombstone t
       set last_error = f.reason, not_before = now() + make_interval(secs => f.wait_ms / 1000)
      from unnest(${failed.map((f) => f.storageKey)}::text[], ${failed.map((f) => f.reason)}::text[],
                  ${failed.map((f) => f.waitMs)}::float8[]) as f (storage_key, reason, wait_ms)
     where t.storage_key = f.storage_key`;
}

/** An object turned up that no row knows: it is to go. A no-op for a key that stands somewhere. */
export async function insertTombstone(
  tx: Tx,
  object: { storageKey: string; sizeBytes: number; reason: string },
): Promise<void> {
  await tx.$executeRaw`
    insert into tombstone (storage_key, size_bytes, reason)
      select ${object.storageKey}, ${object.sizeBytes}::bigint, ${object.reason}
       where not exists (select from blob where storage_key = ${object.storageKey})
         and not exists (select from upload where storage_key = ${object.storageKey})
      on conflict (storage_key) do nothing`;
}
