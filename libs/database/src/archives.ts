import { afterMs } from './database-time.js';
import { jsonbText } from './jsonb-text.js';
import type { Tx } from './transaction.js';

export interface ArchiveRow {
  id: string;
  request: unknown;
  state: 'queued' | 'planned' | 'failed';
  /** As `encodePlan` of the archive library made it. */
  plan: unknown;
  sizeBytes: number | null;
  etag: string | null;
  error: { code: string; message: string } | null;
}

/** The leases of an archive's blobs are in this name. */
export function archiveOwner(archiveId: string): string {
  return `archive:${archiveId}`;
}

export async function insertArchive(tx: Tx, request: object, ttlMs: number): Promise<string> {
  const [row] = await tx.$queryRaw<{ id: string }[]>`
    insert into archive (request, expires_at) values (${jsonbText(request)}::jsonb, ${afterMs(ttlMs)})
    returning id::text`;
  return row?.id ?? '';
}

export async function findArchive(tx: Tx, archiveId: string): Promise<ArchiveRow | null> {
  const [row] = await tx.$queryRaw<ArchiveRow[]>`
    select id::text, request, state, plan, size_bytes::float8 as "sizeBytes", etag, error
      from archive where id = ${archiveId}::uuid`;
  return row ?? null;
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

/** Wakes `archive:<id>`. False when the archive is not queued any more. */
export async function failArchive(
  tx: Tx,
  archiveId: string,
  error: { code: string; message: string },
): Promise<boolean> {
  const rows = await tx.$queryRaw<unknown[]>`
    update archive set state = 'failed', error = ${jsonbText(error)}::jsonb
     where id = ${archiveId}::uuid and state = 'queued'
    returning pg_notify('entrepot', 'archive:' || id)::text`;
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

/** Forgets an archive with its leases. Idempotent. */
export async function deleteArchive(tx: Tx, archiveId: string): Promise<void> {
  await tx.$executeRaw`
    with gone as (delete from archive where id = ${archiveId}::uuid returning id)
    delete from blob_lease where owner = ${archiveOwner(archiveId)}`;
}

/** Archives that wait for a plan, oldest first. */
export async function listQueuedArchives(tx: Tx, limit: number): Promise<string[]> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    select id::text from archive where state = 'queued' and expires_at > now() order by created_at limit ${limit}`;
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
