// Archives that clients send in pieces. The bytes stand in `upload` like all bytes on their way in; `archive` says who may
// write them. Both rows always run out at the same moment.
import { afterMs } from './database-time.js';
import { jsonbText } from './jsonb-text.js';
import type { Tx } from './transaction.js';
import type { UploadProgress } from './uploads.js';

/** An archive that somebody is about to send. */
export interface NewReception {
  request: object;
  sizeBytes: number;
  /** The same for whoever sends the same again. */
  receptionKey: string;
  /** New; of no use when the same was announced before. */
  storageKey: string;
  /** How long it is kept after it was last heard of. */
  lifeMs: number;
}

/** What a receiver writes, and how far it is. */
export interface Reception {
  storageKey: string;
  sizeBytes: number;
  /** Null when nothing was kept. */
  left: UploadProgress | null;
}

/** Why nobody can write: another one does, all was received before, or there is no such archive. */
export type ReceptionRefusal = 'busy' | 'received' | 'gone';

/** Announces an archive, or finds the one that was announced as the same and is not received yet. */
export async function insertReception(
  tx: Tx,
  { request, sizeBytes, receptionKey, storageKey, lifeMs }: NewReception,
): Promise<{ id: string; isNew: boolean }> {
  await tx.$executeRaw`
    delete from archive where reception_key = ${receptionKey} and state = 'receiving' and expires_at <= now()`;
  const [row] = await tx.$queryRaw<{ id: string; isNew: boolean }[]>`
    with announced as (
      insert into archive (kind, state, listed, request, size_bytes, storage_key, reception_key, life_ms, expires_at)
      values ('load', 'receiving', true, ${jsonbText(request)}::jsonb, ${sizeBytes}::bigint, ${storageKey},
              ${receptionKey}, ${lifeMs}::bigint, ${afterMs(lifeMs)})
      on conflict (reception_key) where state = 'receiving'
        do update set expires_at = greatest(archive.expires_at, excluded.expires_at)
      returning id, storage_key, expires_at),
    bytes as (
      insert into upload (storage_key, size_bytes, owner, expires_at)
        select storage_key, ${sizeBytes}::bigint, 'archive:' || id, expires_at from announced
      on conflict (storage_key) do update set expires_at = excluded.expires_at)
    select id::text, storage_key = ${storageKey} as "isNew" from announced`;
  return row as { id: string; isNew: boolean };
}

/** Makes somebody the one who writes, for as long as nobody else may. */
export async function takeReception(
  tx: Tx,
  archiveId: string,
  { receiver, leaseMs }: { receiver: string; leaseMs: number },
): Promise<Reception | ReceptionRefusal> {
  const [taken] = await tx.$queryRaw<(Omit<Reception, 'left'> & Partial<UploadProgress>)[]>`
    with taken as (
      update archive set receiver = ${receiver}, receiver_until = ${afterMs(leaseMs)}
       where id = ${archiveId}::uuid and state = 'receiving' and expires_at > now()
         and (receiver_until is null or receiver_until <= now())
      returning storage_key, size_bytes)
    select t.storage_key as "storageKey", t.size_bytes::float8 as "sizeBytes",
           u.safe_bytes::float8 as "safeBytes", u.resume_state as "resumeState"
      from taken t join upload u on u.storage_key = t.storage_key`;
  if (taken !== undefined) {
    const { storageKey, sizeBytes, safeBytes = 0, resumeState } = taken;
    return { storageKey, sizeBytes, left: resumeState ? { safeBytes, resumeState } : null };
  }
  const [row] = await tx.$queryRaw<{ isReceiving: boolean }[]>`
    select state = 'receiving' as "isReceiving" from archive where id = ${archiveId}::uuid and kind = 'load'
       and storage_key is not null and expires_at > now()`;
  if (row === undefined) return 'gone';
  return row.isReceiving ? 'busy' : 'received';
}

/**
 * Writes down how far a receiver is, and keeps archive and bytes. With a lease of null it stops to write. Wakes
 * `archive:<id>`. False when it may not write any more.
 */
export async function keepReception(
  tx: Tx,
  { archiveId, receiver }: { archiveId: string; receiver: string },
  { leaseMs, progress }: { leaseMs: number | null; progress: UploadProgress },
): Promise<boolean> {
  const rows = await tx.$queryRaw<unknown[]>`
    with kept as (
      update archive
         set receiver_until = case when ${leaseMs !== null} then ${afterMs(leaseMs ?? 0)} end,
             bytes_done = ${progress.safeBytes}::bigint,
             expires_at = greatest(expires_at, now() + make_interval(secs => life_ms / 1000.0))
       where id = ${archiveId}::uuid and state = 'receiving' and receiver = ${receiver}
      returning id, storage_key, expires_at),
    bytes as (
      update upload u set expires_at = kept.expires_at, safe_bytes = ${progress.safeBytes}::bigint,
             resume_state = ${jsonbText(progress.resumeState)}::jsonb
        from kept where u.storage_key = kept.storage_key
      returning kept.id)
    select pg_notify('entrepot', 'archive:' || id)::text from bytes`;
  return rows.length === 1;
}

/** All bytes are stored: the archive waits to be loaded. Wakes `archive:<id>`. False when it is not wanted any more. */
export async function endReception(
  tx: Tx,
  { archiveId, receiver }: { archiveId: string; receiver: string },
): Promise<boolean> {
  const rows = await tx.$queryRaw<unknown[]>`
    update archive set state = 'queued', bytes_done = size_bytes, receiver = null, receiver_until = null
     where id = ${archiveId}::uuid and state = 'receiving' and receiver = ${receiver}
    returning pg_notify('entrepot', 'archive:' || id)::text`;
  return rows.length === 1;
}
