import { afterMs } from './database-time.js';
import { Prisma } from './generated/client.js';
import { jsonbText } from './jsonb-text.js';
import type { Tx } from './transaction.js';

/** A saved archive is planned and then read; a loaded one is received when it is sent, runs and is done. */
export type ArchiveState = 'receiving' | 'queued' | 'planned' | 'running' | 'done' | 'failed';

export interface ArchiveRow {
  id: string;
  kind: 'save' | 'load';
  request: unknown;
  state: ArchiveState;
  /** As `encodePlan` of the archive library made it. */
  plan: unknown;
  sizeBytes: number | null;
  etag: string | null;
  error: { code: string; message: string } | null;
  /** In whose name it was asked for. */
  caller: string | null;
  /** Of a load: what was received, then what was read so far. */
  bytesDone: number;
  /** Of a load that is done. */
  result: unknown;
  createdAt: Date;
  expiresAt: Date;
  /** How long it is kept still, by the database's clock. */
  leftMs: number;
}

/** A new archive. */
export interface NewArchive {
  kind?: ArchiveRow['kind'];
  request: object;
  ttlMs: number;
  /** Whether lists show it; others belong to one request. */
  listed?: boolean;
}

const columns = Prisma.sql`id::text, kind, request, state, size_bytes::float8 as "sizeBytes", etag, error, caller,
  bytes_done::float8 as "bytesDone", result, created_at as "createdAt", expires_at as "expiresAt",
  (extract(epoch from expires_at - now()) * 1000)::float8 as "leftMs"`;

/** The leases of an archive's blobs are in this name. */
export function archiveOwner(archiveId: string): string {
  return `archive:${archiveId}`;
}

export async function insertArchive(tx: Tx, archive: NewArchive): Promise<string> {
  const { kind = 'save', request, ttlMs, listed = false } = archive;
  const [row] = await tx.$queryRaw<{ id: string }[]>`
    insert into archive (kind, request, expires_at, listed)
    values (${kind}, ${jsonbText(request)}::jsonb, ${afterMs(ttlMs)}, ${listed})
    returning id::text`;
  return row?.id ?? '';
}

/** Null when there is none, or its time is over. */
export async function findArchive(tx: Tx, archiveId: string): Promise<ArchiveRow | null> {
  const [row] = await tx.$queryRaw<ArchiveRow[]>`
    select ${columns}, plan from archive where id = ${archiveId}::uuid and expires_at > now()`;
  return row ?? null;
}

/** Archives that lists show, without their plans, newest first, after one. */
export async function listArchives(
  tx: Tx,
  page: { id?: string; after?: { createdAt: string; id: string }; limit: number },
): Promise<(Omit<ArchiveRow, 'plan'> & { createdAtText: string })[]> {
  const { id = null, after, limit } = page;
  return await tx.$queryRaw<(Omit<ArchiveRow, 'plan'> & { createdAtText: string })[]>`
    select ${columns}, created_at::text as "createdAtText" from archive
     where listed and expires_at > now() and (${id}::uuid is null or id = ${id}::uuid)
       and (${after === undefined}
            or (created_at, id) < (${after?.createdAt ?? null}::timestamptz, ${after?.id ?? null}::uuid))
     order by created_at desc, id desc limit ${limit}::int`;
}

/** A load that somebody works at. */
export interface TakenLoad {
  request: unknown;
  caller: string | null;
  /** Where its bytes are; null when they come from elsewhere. */
  storageKey: string | null;
  sizeBytes: number | null;
}

/** Takes a load that waits, or that another worker left. Null when it was given up or is over. */
export async function takeLoad(tx: Tx, archiveId: string): Promise<TakenLoad | null> {
  const [row] = await tx.$queryRaw<TakenLoad[]>`
    update archive set state = 'running', bytes_done = 0
     where id = ${archiveId}::uuid and kind = 'load' and state in ('queued', 'running') and expires_at > now()
    returning request, caller, storage_key as "storageKey", size_bytes::float8 as "sizeBytes"`;
  return row ?? null;
}

/** Wakes `archive:<id>`. False when the load is not wanted any more. */
export async function reportLoad(
  tx: Tx,
  archiveId: string,
  { bytesDone, sizeBytes }: { bytesDone: number; sizeBytes: number | null },
): Promise<boolean> {
  const rows = await tx.$queryRaw<unknown[]>`
    update archive set bytes_done = ${bytesDone}::bigint, size_bytes = ${sizeBytes}::bigint
     where id = ${archiveId}::uuid and state = 'running' and expires_at > now()
    returning pg_notify('entrepot', 'archive:' || id)::text`;
  return rows.length === 1;
}

/** Lets go of its bytes. Wakes `archive:<id>`. */
export async function finishLoad(tx: Tx, archiveId: string, result: object): Promise<void> {
  await tx.$queryRaw`
    with done as (
      update archive set state = 'done', result = ${jsonbText(result)}::jsonb
       where id = ${archiveId}::uuid and state = 'running'
      returning id, storage_key),
    bytes as (update upload u set expires_at = now() from done where u.storage_key = done.storage_key)
    select pg_notify('entrepot', 'archive:' || id)::text from done`;
}

/** Wakes `archive:<id>`. False when the archive is not queued any more. */
export async function saveArchivePlan(
  tx: Tx,
  archiveId: string,
  planned: { plan: object; sizeBytes: number; etag: string },
): Promise<boolean> {
  const rows = await tx.$queryRaw<unknown[]>`
    update archive set state = 'planned', plan = ${jsonbText(planned.plan)}::jsonb,
           size_bytes = ${planned.sizeBytes}::bigint, etag = ${planned.etag}
     where id = ${archiveId}::uuid and state = 'queued'
    returning pg_notify('entrepot', 'archive:' || id)::text`;
  return rows.length === 1;
}

/** Lets go of its bytes. Wakes `archive:<id>`. False when the archive had ended already. */
export async function failArchive(
  tx: Tx,
  archiveId: string,
  error: { code: string; message: string },
): Promise<boolean> {
  const rows = await tx.$queryRaw<unknown[]>`
    with failed as (
      update archive set state = 'failed', error = ${jsonbText(error)}::jsonb
       where id = ${archiveId}::uuid and state in ('queued', 'running')
      returning id, storage_key),
    bytes as (update upload u set expires_at = now() from failed where u.storage_key = failed.storage_key)
    select pg_notify('entrepot', 'archive:' || id)::text from failed`;
  return rows.length === 1;
}

/** Keeps an archive and its leases while it is streamed. False when it is gone. */
export async function keepArchive(tx: Tx, archiveId: string, ttlMs: number): Promise<boolean> {
  const [row] = await tx.$queryRaw<{ kept: number }[]>`
    with kept as (
      update archive set expires_at = greatest(expires_at, ${afterMs(ttlMs)}) where id = ${archiveId}::uuid
      returning id),
    leases as (
      update blob_lease l set expires_at = greatest(l.expires_at, ${afterMs(ttlMs)})
        from kept where l.owner = 'archive:' || kept.id)
    select count(*)::int as kept from kept`;
  return row?.kept === 1;
}

/** Forgets an archive with its leases and bytes. Idempotent. */
export async function deleteArchive(tx: Tx, archiveId: string): Promise<void> {
  await tx.$executeRaw`
    with gone as (delete from archive where id = ${archiveId}::uuid returning id, storage_key),
    bytes as (
      update upload u set expires_at = now(), resume_state = null from gone where u.storage_key = gone.storage_key)
    delete from blob_lease where owner = ${archiveOwner(archiveId)}`;
}

/** Archives that wait for a plan or to be loaded, oldest first. */
export async function listQueuedArchives(tx: Tx, kind: ArchiveRow['kind'], limit: number): Promise<string[]> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    select id::text from archive where state = 'queued' and kind = ${kind} and expires_at > now()
     order by created_at limit ${limit}`;
  return rows.map((row) => row.id);
}

/** Forgets archives whose time is over, with their leases. Returns how many. */
export async function expireArchives(tx: Tx, limit: number): Promise<number> {
  const [row] = await tx.$queryRaw<{ gone: number }[]>`
    with gone as (
      delete from archive where id in (
        select id from archive where expires_at <= now() for update skip locked limit ${limit})
      returning id),
    leases as (delete from blob_lease l using gone where l.owner = 'archive:' || gone.id)
    select count(*)::int as gone from gone`;
  return row?.gone ?? 0;
}
