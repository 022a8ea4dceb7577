import type { Digest } from '@entrepot/oci';
import { afterMs } from './database-time.js';
import { Prisma } from './generated/client.js';
import { jsonbText } from './jsonb-text.js';
import type { PullFailure } from './pulls.js';
import type { Tx } from './transaction.js';

/** What proves that a fetch is ours: an epoch is given out once. */
export interface FetchKey {
  digest: Digest;
  owner: string;
  epoch: number;
}

export interface ClaimedFetch extends FetchKey {
  sizeBytes: number;
  attempts: number;
  /** Under which key to write. */
  storageKey: string;
  /** Whether the upload was made with the claim, rather than left by an earlier owner. */
  isNew: boolean;
}

/** How far an owner is. */
export interface FetchReport {
  bytesDone: number;
  /** How long the claim lasts from now. */
  leaseMs: number;
  /** How long the upload is kept from now. */
  keepMs: number;
  uploadOwner: string;
  safeBytes: number;
  resumeState: object;
}

/** Somebody else has it, or it waits. */
export interface TakenFetch {
  digest: Digest;
}

/** Whether a pull waits for the fetch `f`. */
const isWanted = Prisma.sql`exists (
  select from pull_blob b join pull p on p.id = b.pull_id where b.blob_digest = f.digest and p.state = 'fetching')`;

/** Whether somebody waits for the fetch `f` who is no batch, or watches the pull of one. */
const isUrgent = Prisma.sql`exists (
  select from pull_blob b join pull p on p.id = b.pull_id
   where b.blob_digest = f.digest and p.state = 'fetching'
     and (p.kind = 'interactive'
          or exists (select from pull_watcher w where w.pull_id = p.id and w.expires_at > now())))`;

/**
 * Takes those of the fetches that are due and that pulls wait for, with an upload under the given key where no earlier
 * owner left one, in one statement. A digest is named once; what there is nothing to fetch of is left out.
 */
export async function claimFetches(
  tx: Tx,
  wishes: readonly { digest: Digest; owner: string; storageKey: string }[],
  { leaseMs, keepMs, uploadOwner }: { leaseMs: number; keepMs: number; uploadOwner: string },
): Promise<(ClaimedFetch | TakenFetch)[]> {
  type Row = ClaimedFetch & { isClaimed: boolean };
  const rows = await tx.$queryRaw<Row[]>`
    with wish as (
      select * from unnest(${wishes.map((w) => w.digest)}::text[], ${wishes.map((w) => w.owner)}::text[],
                           ${wishes.map((w) => w.storageKey)}::text[]) as w (digest, owner, storage_key)),
    due as (
      select w.* from wish w join blob_fetch f using (digest)
       where f.not_before <= now() and (f.state = 'queued' or f.lease_until <= now()) and ${isWanted}
       order by digest for update of f),
    claimed as (
      update blob_fetch f
         set state = 'running', epoch = f.epoch + 1, owner = d.owner, lease_until = ${afterMs(leaseMs)},
             storage_key = coalesce(f.storage_key, d.storage_key)
        from due d where f.digest = d.digest
      returning f.digest, f.owner, f.epoch, f.size_bytes, f.attempts, f.storage_key, f.storage_key = d.storage_key as is_new),
    announced as (
      insert into upload (storage_key, size_bytes, owner, expires_at)
        select storage_key, size_bytes, ${uploadOwner}::text || owner || ':' || epoch, ${afterMs(keepMs)}
          from claimed where is_new)
    select true as "isClaimed", digest, owner, epoch, size_bytes::float8 as "sizeBytes", attempts,
           storage_key as "storageKey", is_new as "isNew"
      from claimed
    union all
    select false, digest, '', 0, 0, 0, '', false
      from blob_fetch f join wish using (digest)
     where digest not in (select digest from claimed) and ${isWanted}`;
  return rows.map(({ isClaimed, ...claimed }) => (isClaimed ? claimed : { digest: claimed.digest }));
}

/** Notes under which key the owner writes, unless that upload has expired. False when the fetch is not ours any more. */
export async function saveFetchUpload(tx: Tx, key: FetchKey, storageKey: string): Promise<boolean> {
  const count = await tx.$executeRaw`
    update blob_fetch
       set storage_key = (select storage_key from upload where storage_key = ${storageKey} for key share)
     where digest = ${key.digest} and epoch = ${key.epoch} and owner = ${key.owner} and state = 'running'`;
  return count === 1;
}

/**
 * Writes down progress, renews the lease and the upload, and wakes those who watch, in one statement. Null when the
 * fetch is not ours any more, else whether a pull still waits for it (`wanted`), and one of people (`urgent`).
 */
export async function reportFetch(
  tx: Tx,
  key: FetchKey,
  report: FetchReport,
): Promise<{ wanted: boolean; urgent: boolean } | null> {
  const [row] = await tx.$queryRaw<{ ours: number; waiting: number; urgent: boolean }[]>`
    with ours as (
      update blob_fetch set bytes_done = ${report.bytesDone}::bigint, lease_until = ${afterMs(report.leaseMs)}
       where digest = ${key.digest} and epoch = ${key.epoch} and owner = ${key.owner} and state = 'running'
      returning storage_key),
    kept as (
      update upload u set safe_bytes = ${report.safeBytes}::bigint, resume_state = ${jsonbText(report.resumeState)}::jsonb,
             expires_at = ${afterMs(report.keepMs)}
        from ours where u.storage_key = ours.storage_key and u.owner = ${report.uploadOwner}),
    waiting as (
      select p.id from ours, pull_blob b join pull p on p.id = b.pull_id
       where b.blob_digest = ${key.digest} and p.state = 'fetching'),
    told as (select pg_notify('entrepot', 'pull:' || id)::text from waiting)
    select (select count(*)::int from ours) as ours, (select count(*)::int from told) as waiting,
           ${isUrgent} as urgent
      from (select ${key.digest}::text as digest) f`;
  return row?.ours === 1 ? { wanted: row.waiting > 0, urgent: row.urgent } : null;
}

/** Gives a fetch back, to be taken again after a while. Null when it is not ours any more, else its failed tries. */
export async function requeueFetch(
  tx: Tx,
  key: FetchKey,
  options: { waitMs: number; failedTries: number; waitError?: PullFailure },
): Promise<number | null> {
  const waitError = options.waitError === undefined ? null : jsonbText(options.waitError);
  const [row] = await tx.$queryRaw<{ attempts: number }[]>`
    update blob_fetch
       set state = 'queued', owner = null, lease_until = null, not_before = ${afterMs(options.waitMs)},
           attempts = attempts + ${options.failedTries}::int, wait_error = ${waitError}::jsonb
     where digest = ${key.digest} and epoch = ${key.epoch} and owner = ${key.owner} and state = 'running'
    returning attempts`;
  return row?.attempts ?? null;
}

/** Takes rows away for good. Returns the digests of those that were ours still. */
export async function deleteOwnFetches(tx: Tx, keys: readonly FetchKey[]): Promise<Digest[]> {
  const rows = await tx.$queryRaw<{ digest: Digest }[]>`
    with ours as (
      select f.digest from blob_fetch f
        join unnest(${keys.map((k) => k.digest)}::text[], ${keys.map((k) => k.epoch)}::int[],
                    ${keys.map((k) => k.owner)}::text[]) as k (digest, epoch, owner) using (digest, epoch, owner)
       where f.state = 'running' order by f.digest for update of f)
    delete from blob_fetch f using ours where f.digest = ours.digest returning f.digest`;
  return rows.map(({ digest }) => digest);
}

/**
 * Takes rows away whoever has them, because the blobs are here; an owner notices at its next report. False when there
 * were none, and nobody waits for one of the blobs either.
 */
export async function deleteFetches(tx: Tx, digests: readonly Digest[]): Promise<boolean> {
  const [row] = await tx.$queryRaw<{ isAwaited: boolean }[]>`
    with locked as (
      select digest from blob_fetch where digest = any(${[...digests]}::text[]) order by digest for update),
    gone as (delete from blob_fetch f using locked where f.digest = locked.digest returning f.digest)
    select exists (select from gone) or exists (
      select from pull_blob b join pull p on p.id = b.pull_id
       where b.blob_digest = any(${[...digests]}::text[]) and p.state = 'fetching') as "isAwaited"`;
  return row?.isAwaited ?? false;
}

/** Queues fetches, or locks those that are there, so that one that ends just now is either seen by us or sees us. */
export async function queueFetches(tx: Tx, blobs: readonly { digest: Digest; sizeBytes: number }[]): Promise<void> {
  await tx.$executeRaw`
    insert into blob_fetch (digest, size_bytes)
      select digest, size_bytes
        from unnest(${blobs.map((b) => b.digest)}::text[], ${blobs.map((b) => b.sizeBytes)}::bigint[])
             as b (digest, size_bytes)
       order by digest
      on conflict (digest) do update set digest = excluded.digest`;
}

/** Locks the fetches that pulls wait for. Before the pulls themselves, always: fetch rows come before pull rows. */
export async function lockFetchesOf(tx: Tx, pullIds: readonly string[]): Promise<Digest[]> {
  const rows = await tx.$queryRaw<{ digest: Digest }[]>`
    select digest from blob_fetch
     where digest in (select blob_digest from pull_blob where pull_id = any(${[...pullIds]}::uuid[]))
     order by digest for update`;
  return rows.map((row) => row.digest);
}

/** Those of the fetches that no pull waits for. */
export async function listUnwantedFetches(tx: Tx, digests: readonly Digest[]): Promise<Digest[]> {
  if (digests.length === 0) return [];
  const rows = await tx.$queryRaw<{ digest: Digest }[]>`
    select digest from blob_fetch f
     where digest = any(${[...digests]}::text[])
       and not ${isWanted}`;
  return rows.map((row) => row.digest);
}

/** Fetches somebody should take now: due or abandoned, and waited for. Oldest first. */
export async function listDueFetches(tx: Tx, limit: number): Promise<{ digest: Digest; urgent: boolean }[]> {
  return await tx.$queryRaw<{ digest: Digest; urgent: boolean }[]>`
    select digest, ${isUrgent} as urgent from blob_fetch f
     where not_before <= now() and (state = 'queued' or lease_until <= now())
       and ${isWanted}
     order by created_at limit ${limit}`;
}

/** Interactive pulls that wait for a fetch which is parked until they are older than `patienceMs`, with its reason. */
export async function listImpatientPulls(
  tx: Tx,
  patienceMs: number,
): Promise<{ pullId: string; error: PullFailure | null }[]> {
  return await tx.$queryRaw<{ pullId: string; error: PullFailure | null }[]>`
    select distinct on (p.id) p.id::text as "pullId", f.wait_error as error
      from pull p join pull_blob b on b.pull_id = p.id join blob_fetch f on f.digest = b.blob_digest
     where p.state = 'fetching' and p.kind = 'interactive' and f.state = 'queued'
       and f.not_before > p.created_at + make_interval(secs => ${patienceMs / 1000}::float8)
     order by p.id`;
}

/** Forgets fetches nobody waits for and nobody works at, once there is nothing left to resume. */
export async function deleteIdleFetches(tx: Tx, limit: number): Promise<number> {
  return await tx.$executeRaw`
    delete from blob_fetch where digest in (
      select digest from blob_fetch f
       where storage_key is null and (state = 'queued' or lease_until <= now())
         and not ${isWanted}
       for update skip locked limit ${limit})`;
}
