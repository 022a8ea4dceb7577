import type { FetchKey } from './blob-fetches.js';
import { afterMs } from './database-time.js';
import { jsonbText } from './jsonb-text.js';
import type { Tx } from './transaction.js';

/** How far an upload got, for whoever goes on with it. */
export interface UploadProgress {
  safeBytes: number;
  resumeState: Record<string, unknown>;
}

/** Must stand before the first byte is written under the key. */
export async function insertUpload(
  tx: Tx,
  upload: { storageKey: string; sizeBytes: number; owner: string; ttlMs: number },
): Promise<void> {
  await tx.$executeRaw`
    insert into upload (storage_key, size_bytes, owner, expires_at)
    values (${upload.storageKey}, ${upload.sizeBytes}::bigint, ${upload.owner}, ${afterMs(upload.ttlMs)})`;
}

/** The same for the owner of a fetch, which notes under which key it writes. False when the fetch is not its any more. */
export async function insertFetchUpload(
  tx: Tx,
  key: FetchKey,
  upload: { storageKey: string; sizeBytes: number; owner: string; ttlMs: number },
): Promise<boolean> {
  const count = await tx.$executeRaw`
    with ours as (
      update blob_fetch set storage_key = ${upload.storageKey}
       where digest = ${key.digest} and epoch = ${key.epoch} and owner = ${key.owner} and state = 'running'
      returning storage_key)
    insert into upload (storage_key, size_bytes, owner, expires_at)
      select storage_key, ${upload.sizeBytes}::bigint, ${upload.owner}, ${afterMs(upload.ttlMs)} from ours`;
  return count === 1;
}

/** Makes an upload ours, whoever had it. Null when it expired or has kept nothing. */
export async function takeOverUpload(
  tx: Tx,
  upload: { storageKey: string; owner: string; ttlMs: number },
): Promise<UploadProgress | null> {
  const rows = await tx.$queryRaw<UploadProgress[]>`
    update upload set owner = ${upload.owner}, expires_at = ${afterMs(upload.ttlMs)}
     where storage_key = ${upload.storageKey} and resume_state is not null
    returning safe_bytes::float8 as "safeBytes", resume_state as "resumeState"`;
  return rows[0] ?? null;
}

/** Keeps our upload for at least so long, and writes down how far it got. False when it is not ours any more. */
export async function keepUpload(
  tx: Tx,
  upload: { storageKey: string; sizeBytes?: number; owner: string; ttlMs: number; progress?: UploadProgress },
): Promise<boolean> {
  const state = upload.progress === undefined ? null : jsonbText(upload.progress.resumeState);
  const count = await tx.$executeRaw`
    update upload set expires_at = greatest(expires_at, ${afterMs(upload.ttlMs)}),
           size_bytes = coalesce(${upload.sizeBytes ?? null}::bigint, size_bytes),
           resume_state = coalesce(${state}::jsonb, resume_state),
           safe_bytes = coalesce(${upload.progress?.safeBytes ?? null}::bigint, safe_bytes)
     where storage_key = ${upload.storageKey} and owner = ${upload.owner}`;
  return count === 1;
}

/** Our upload is about to end: nobody resumes it from now on. False when it is not ours. */
export async function condemnUpload(tx: Tx, storageKey: string, owner: string): Promise<boolean> {
  const count = await tx.$executeRaw`
    update upload set resume_state = null, expires_at = least(expires_at, now() + interval '5 minutes')
     where storage_key = ${storageKey} and owner = ${owner}`;
  return count === 1;
}

/** Our upload ends without a blob. False when it is not ours. */
export async function deleteUpload(tx: Tx, storageKey: string, owner: string): Promise<boolean> {
  return (await tx.$executeRaw`delete from upload where storage_key = ${storageKey} and owner = ${owner}`) === 1;
}

/**
 * Turns uploads that nobody kept into tombstones. Returns how many. In a transaction: first the fetches let go of them,
 * since whoever works at a fetch locks that before its upload.
 */
export async function expireUploads(tx: Tx, limit: number): Promise<number> {
  await tx.$executeRaw`
    update blob_fetch set storage_key = null where digest in (
      select f.digest from blob_fetch f join upload u on u.storage_key = f.storage_key
       where u.expires_at <= now() for update of f skip locked)`;
  return await tx.$executeRaw`
    with gone as (
      delete from upload where storage_key in (
        select storage_key from upload u
         where expires_at <= now() and not exists (select from blob_fetch f where f.storage_key = u.storage_key)
         order by expires_at for update skip locked limit ${limit})
      returning storage_key, size_bytes)
    insert into tombstone (storage_key, size_bytes, reason)
      select storage_key, size_bytes, 'expired upload' from gone`;
}
