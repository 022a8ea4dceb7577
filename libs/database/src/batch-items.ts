import type { Digest } from '@entrepot/oci';
import { type BatchPriority, batchPriorities, priorityNumber } from './batches.js';
import { afterMs } from './database-time.js';
import { Prisma } from './generated/client.js';
import { jsonbText } from './jsonb-text.js';
import type { PullFailure, PullOutcome } from './pulls.js';
import type { Tx } from './transaction.js';

export type ItemState = 'queued' | 'planned' | 'running' | 'done' | 'failed' | 'cancelled';

/** One item of a batch as it stands. */
export interface BatchItemRow {
  position: number;
  reference: string;
  platform: string | null;
  priority: BatchPriority;
  labels: Record<string, string>;
  state: ItemState;
  outcome: PullOutcome | null;
  /** Why it failed, or why it waits. */
  reason: PullFailure | null;
  /** Until when its registry keeps it waiting; null when it does not wait. */
  waitsUntil: Date | null;
  pullId: string | null;
  targetDigest: Digest | null;
  layerCount: number | null;
  layersHere: number | null;
  totalBytes: number | null;
  missingBytes: number | null;
  manifestRequests: number | null;
  finishedAt: Date | null;
}

/** Items after a position, in their order. */
export async function listBatchItems(
  tx: Tx,
  batchId: string,
  options: { after?: number; state?: ItemState; limit: number },
): Promise<BatchItemRow[]> {
  const rows = await tx.$queryRaw<(Omit<BatchItemRow, 'priority'> & { priority: number })[]>`
    select i.position, i.reference, i.platform, i.priority, i.labels, i.state, i.outcome, i.reason,
           case when i.state in ('queued', 'running') and coalesce(p.not_before, i.not_before) > now()
                then coalesce(p.not_before, i.not_before) end as "waitsUntil",
           i.pull_id::text as "pullId", i.target_digest as "targetDigest", i.layer_count as "layerCount",
           i.layers_here as "layersHere", i.total_bytes::float8 as "totalBytes",
           i.missing_bytes::float8 as "missingBytes", i.manifest_requests as "manifestRequests",
           i.finished_at as "finishedAt"
      from batch_item i left join pull p on p.id = i.pull_id and p.state = 'queued'
     where i.batch_id = ${batchId}::uuid and i.position > ${options.after ?? 0}
       and (${options.state ?? null}::text is null or i.state = ${options.state ?? null})
     order by i.position limit ${options.limit}`;
  return rows.map((row) => ({ ...row, priority: batchPriorities[row.priority] ?? 'normal' }));
}

/** What planning needs to know of an item. */
export interface QueuedItem {
  position: number;
  reference: string;
  host: string;
  platform: string | null;
  /** Times its registry was not there. */
  attempts: number;
}

/** Items that nobody has planned yet and that need not wait. */
export async function listQueuedItems(tx: Tx, batchId: string, limit: number): Promise<QueuedItem[]> {
  return await tx.$queryRaw<QueuedItem[]>`
    select position, reference, host, platform, attempts from batch_item
     where batch_id = ${batchId}::uuid and state = 'queued' and not_before <= now()
     order by priority desc, position limit ${limit}`;
}

/** When the first of the items that wait to be planned is due; null when none waits. */
export async function nextQueuedItem(tx: Tx, batchId: string): Promise<{ waitMs: number; waiting: number } | null> {
  const [row] = await tx.$queryRaw<{ waitMs: number | null; waiting: number }[]>`
    select (extract(epoch from min(not_before) - now()) * 1000)::float8 as "waitMs", count(*)::int as waiting
      from batch_item where batch_id = ${batchId}::uuid and state = 'queued'`;
  return row?.waitMs == null ? null : { waitMs: Math.max(row.waitMs, 0), waiting: row.waiting };
}

/** What planning found out about an item. */
export interface PlannedItem {
  position: number;
  repository: string;
  /** Null when it is asked for by digest. */
  tag: string | null;
  target: Digest;
  shown: Digest;
  /** One was asked for: then it is enough that it is here beside the one that is shown. */
  platform: boolean;
  layerCount: number;
  layersHere: number;
  totalBytes: number;
  missingBytes: number;
  manifestRequests: number;
}

/**
 * Writes down what planning found. An item that is here already under its name is done, but for a dry run. Items that
 * were cancelled meanwhile stay so.
 */
export async function saveItemPlans(
  tx: Tx,
  batchId: string,
  items: readonly PlannedItem[],
  blobs: readonly { digest: Digest; sizeBytes: number; host: string; wasHere: boolean }[],
): Promise<void> {
  if (items.length === 0) return;
  await tx.$executeRaw`
    insert into batch_blob (batch_id, digest, size_bytes, host, was_here)
      select ${batchId}::uuid, b.* from unnest(${blobs.map((b) => b.digest)}::text[],
        ${blobs.map((b) => b.sizeBytes)}::bigint[], ${blobs.map((b) => b.host)}::text[],
        ${blobs.map((b) => b.wasHere)}::boolean[]) as b (digest, size_bytes, host, was_here)
      on conflict do nothing`;
  const rows = jsonbText(items);
  await tx.$queryRaw`
    with found as (
      select f.*, exists (
               select from repository r join tag t on t.repository_id = r.id
                where r.name = f.repository and t.name = f.tag and t.target_digest = f.target
                  and (t.shown_digest = f.shown
                       or (f.platform and exists (select from manifest s where s.digest = f.shown))))
             or (f.tag is null and exists (
               select from repository r join repository_manifest m on m.repository_id = r.id
                where r.name = f.repository and m.manifest_digest = f.target)
               and exists (select from manifest s where s.digest = f.shown)) as current
        from jsonb_to_recordset(${rows}::jsonb) as f (position int, repository text, tag text, target text, shown text, platform boolean,
             "layerCount" int, "layersHere" int, "totalBytes" bigint, "missingBytes" bigint, "manifestRequests" int))
    update batch_item i
       set state = case when f.current and not b.dry_run then 'done' else 'planned' end,
           outcome = case when f.current and not b.dry_run then 'up-to-date' end,
           finished_at = case when f.current and not b.dry_run then now() end,
           reason = null, target_digest = f.target, layer_count = f."layerCount", layers_here = f."layersHere",
           total_bytes = f."totalBytes", missing_bytes = f."missingBytes", manifest_requests = f."manifestRequests"
      from found f, batch b
     where b.id = ${batchId}::uuid and i.batch_id = b.id and i.position = f.position and i.state = 'queued'
    returning pg_notify('entrepot', 'batch:' || b.id)::text`;
}

/** Fails items that could not be planned, each with its reason. */
export async function failItems(
  tx: Tx,
  batchId: string,
  failures: readonly { position: number; error: PullFailure }[],
): Promise<void> {
  if (failures.length === 0) return;
  await tx.$executeRaw`
    update batch_item i set state = 'failed', reason = f.error, finished_at = now()
      from jsonb_to_recordset(${jsonbText(failures)}::jsonb) as f (position int, error jsonb)
     where i.batch_id = ${batchId}::uuid and i.position = f.position and i.state = 'queued'`;
}

/** Lets items of one registry wait that could not be planned because it takes no requests. */
export async function delayItems(
  tx: Tx,
  batchId: string,
  delay: { host: string; waitMs: number; reason: PullFailure; failedTries: number },
): Promise<void> {
  await tx.$executeRaw`
    update batch_item set not_before = ${afterMs(delay.waitMs)}, reason = ${jsonbText(delay.reason)}::jsonb,
           attempts = attempts + ${delay.failedTries}::int
     where batch_id = ${batchId}::uuid and host = ${delay.host} and state = 'queued'`;
}

/** An item that a pull stands for. */
export interface StartedItem {
  batchId: string;
  position: number;
  pullId: string;
}

/** Ties planned items to their pulls. Returns the pulls of those that were still planned, in batches that run. */
export async function startItems(tx: Tx, items: readonly StartedItem[]): Promise<Set<string>> {
  const rows = await tx.$queryRaw<{ pullId: string }[]>`
    with started as (
      update batch_item i set state = 'running', pull_id = s.pull_id, reason = null
        from unnest(${items.map((item) => item.batchId)}::uuid[], ${items.map((item) => item.position)}::int[],
                    ${items.map((item) => item.pullId)}::uuid[]) as s (batch_id, position, pull_id), batch b
       where b.id = s.batch_id and b.state = 'running' and not b.paused
         and i.batch_id = b.id and i.position = s.position and i.state = 'planned'
      returning i.batch_id, i.pull_id),
    told as (select pg_notify('entrepot', 'batch:' || batch_id) from (select distinct batch_id from started) b)
    select pull_id::text as "pullId" from started where (select count(*) from told) > 0`;
  return new Set(rows.map(({ pullId }) => pullId));
}

/** The pulls that items of a batch run by; all of them, or of some positions. */
export async function listRunningPulls(tx: Tx, batchId: string, positions?: readonly number[]): Promise<string[]> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    select distinct pull_id::text as id from batch_item
     where batch_id = ${batchId}::uuid and state = 'running' ${among(positions)}`;
  return rows.map((row) => row.id);
}

/** Ends items that have not ended: as cancelled, or, for a pause, back to where they wait for their turn. */
export async function stopItems(
  tx: Tx,
  batchId: string,
  to: 'cancelled' | 'planned',
  positions?: readonly number[],
): Promise<number> {
  if (to === 'planned') {
    return await tx.$executeRaw`
      update batch_item set state = 'planned', pull_id = null
       where batch_id = ${batchId}::uuid and state = 'running'`;
  }
  return await tx.$executeRaw`
    update batch_item set state = 'cancelled', reason = null, finished_at = now()
     where batch_id = ${batchId}::uuid and state in ('queued', 'planned', 'running') ${among(positions)}`;
}

/** Of these pulls, those that no item of a batch waits for any more, locked; `watched` says whether somebody else does. */
export async function listAbandonedPulls(
  tx: Tx,
  pullIds: readonly string[],
): Promise<{ pullId: string; watched: boolean }[]> {
  return await tx.$queryRaw<{ pullId: string; watched: boolean }[]>`
    select p.id::text as "pullId",
           exists (select from pull_watcher w where w.pull_id = p.id and w.expires_at > now()) as watched
      from pull p
     where p.id = any(${[...pullIds]}::uuid[]) and p.kind = 'batch' and p.state in ('queued', 'fetching', 'publishing')
       and not exists (select from batch_item i where i.pull_id = p.id and i.state = 'running')
     order by p.id for no key update of p`;
}

/** Failed or cancelled items are to be planned again. Returns how many. */
export async function retryItems(
  tx: Tx,
  batchId: string,
  states: readonly ItemState[],
  positions?: readonly number[],
): Promise<number> {
  return await tx.$executeRaw`
    update batch_item
       set state = 'queued', not_before = now(), attempts = 0, reason = null, outcome = null, pull_id = null, finished_at = null
     where batch_id = ${batchId}::uuid and state = any(${[...states]}::text[]) ${among(positions)}`;
}

export async function setItemPriority(
  tx: Tx,
  batchId: string,
  priority: BatchPriority,
  positions?: readonly number[],
): Promise<number> {
  return await tx.$executeRaw`
    update batch_item set priority = ${priorityNumber(priority)}::smallint
     where batch_id = ${batchId}::uuid ${among(positions)}`;
}

function among(positions: readonly number[] | undefined): Prisma.Sql {
  return positions === undefined ? Prisma.empty : Prisma.sql`and position = any(${[...positions]}::int[])`;
}

/** Bytes of a batch: those that it needed, those of them that came meanwhile. */
export async function batchBytes(tx: Tx, batchId: string): Promise<{ neededBytes: number; doneBytes: number }> {
  const [row] = await tx.$queryRaw<{ neededBytes: number; doneBytes: number }[]>`
    select coalesce(sum(b.size_bytes), 0)::float8 as "neededBytes",
           coalesce(sum(case when s.digest is not null then b.size_bytes else f.bytes_done end), 0)::float8 as "doneBytes"
      from batch_blob b left join blob s on s.digest = b.digest left join blob_fetch f on f.digest = b.digest
     where b.batch_id = ${batchId}::uuid and not b.was_here`;
  return row ?? { neededBytes: 0, doneBytes: 0 };
}
