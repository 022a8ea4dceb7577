import { afterMs } from './database-time.js';
import { Prisma } from './generated/client.js';
import { jsonbText } from './jsonb-text.js';
import type { PullFailure } from './pulls.js';
import type { Tx } from './transaction.js';

/** How much a batch, or an item within it, matters. The place in the list is the number in the database. */
export const batchPriorities = ['low', 'normal', 'high'] as const;

export type BatchPriority = (typeof batchPriorities)[number];

/** `planned` is where a dry run ends; `refused` did not fit into the store. */
export type BatchState = 'planning' | 'planned' | 'refused' | 'running' | 'done' | 'cancelled';

/** Items by state. */
export type ItemCounts = Record<'queued' | 'planned' | 'running' | 'done' | 'failed' | 'cancelled', number>;

/** What a batch comes to, all its items together. */
export interface BatchPlan {
  layers: number;
  layersHere: number;
  /** Of distinct blobs, and of those that were not here. */
  totalBytes: number;
  missingBytes: number;
  hosts: HostPlan[];
}

/** The share of one registry. */
export interface HostPlan {
  host: string;
  missingBytes: number;
  /** GETs of manifests, which is what a registry's pull quota counts. */
  manifestRequests: number;
  /** At the registry's recent speed; null when none is known. */
  seconds: number | null;
  /** What is left of its quota; null when it has said nothing. */
  quota: { limit: number; remaining: number; resetsAt: string } | null;
}

export interface BatchRow {
  id: string;
  owner: string;
  state: BatchState;
  dryRun: boolean;
  paused: boolean;
  priority: BatchPriority;
  labels: Record<string, string>;
  scheduleId: string | null;
  itemCount: number;
  plan: BatchPlan | null;
  refusal: PullFailure | null;
  counts: ItemCounts;
  /** Until when its registries keep the first of its items waiting; null when none waits. */
  waitsUntil: Date | null;
  createdAt: Date;
  finishedAt: Date | null;
}

/** One wish of a batch. */
export interface NewBatchItem {
  /** Full name with tag or digest. */
  reference: string;
  /** Its registry. */
  host: string;
  platform: string | null;
  priority: BatchPriority;
  labels: Record<string, string>;
}

export interface NewBatch {
  owner: string;
  priority: BatchPriority;
  labels: Record<string, string>;
  dryRun: boolean;
  scheduleId?: string;
  /** Its pulls do not look at signatures. */
  skipsSignatures?: boolean;
  items: readonly NewBatchItem[];
}

/** Writes a batch and all its items. Returns its id. */
export async function insertBatch(tx: Tx, batch: NewBatch): Promise<string> {
  const { items } = batch;
  const [row] = await tx.$queryRaw<{ id: string }[]>`
    with made as (
      insert into batch (owner, dry_run, priority, labels, schedule_id, skips_signatures, item_count)
      values (${batch.owner}, ${batch.dryRun}, ${priorityNumber(batch.priority)}, ${jsonbText(batch.labels)}::jsonb,
              ${batch.scheduleId ?? null}::uuid, ${batch.skipsSignatures ?? false}, ${items.length})
      returning id),
    items as (
      insert into batch_item (batch_id, position, reference, host, platform, priority, labels)
        select made.id, i.position, i.reference, i.host, i.platform, i.priority, i.labels::jsonb
          from made, unnest(${items.map((i) => i.reference)}::text[], ${items.map((i) => i.host)}::text[],
                            ${items.map((i) => i.platform)}::text[],
                            ${items.map((i) => priorityNumber(i.priority))}::smallint[],
                            ${items.map((i) => jsonbText(i.labels))}::text[])
               with ordinality as i (reference, host, platform, priority, labels, position))
    select id::text from made`;
  return (row as { id: string }).id;
}

export function priorityNumber(priority: BatchPriority): number {
  return batchPriorities.indexOf(priority);
}

/** Items of an owner that have not ended; what a tenant may have at most is counted by it. */
export async function countUnfinishedItems(tx: Tx, owner: string): Promise<number> {
  const [row] = await tx.$queryRaw<{ items: number }[]>`
    select count(*)::int as items from batch b join batch_item i on i.batch_id = b.id
     where b.owner = ${owner} and b.state in ('planning', 'running') and i.state in ('queued', 'planned', 'running')`;
  return row?.items ?? 0;
}

type StoredBatch = Omit<BatchRow, 'priority'> & { priority: number };

const columns = Prisma.sql`
  b.id::text, b.owner, b.state, b.dry_run as "dryRun", b.paused, b.priority, b.labels,
  b.schedule_id::text as "scheduleId", b.item_count as "itemCount", b.plan, b.refusal, b.created_at as "createdAt",
  b.finished_at as "finishedAt", c.counts, c.waits_until as "waitsUntil"`;

const counts = Prisma.sql`
  left join lateral (
    select jsonb_build_object(
             'queued', count(*) filter (where i.state = 'queued'), 'planned', count(*) filter (where i.state = 'planned'),
             'running', count(*) filter (where i.state = 'running'), 'done', count(*) filter (where i.state = 'done'),
             'failed', count(*) filter (where i.state = 'failed'),
             'cancelled', count(*) filter (where i.state = 'cancelled')) as counts,
           min(greatest(i.not_before, p.not_before))
             filter (where (i.state = 'queued' and i.not_before > now()) or (i.state = 'running' and p.not_before > now()))
             as waits_until
      from batch_item i left join pull p on p.id = i.pull_id and p.state = 'queued'
     where i.batch_id = b.id) c on true`;

export async function findBatch(tx: Tx, batchId: string): Promise<BatchRow | null> {
  const [row] = await tx.$queryRaw<StoredBatch[]>`
    select ${columns} from batch b ${counts} where b.id = ${batchId}::uuid`;
  return row === undefined ? null : toBatch(row);
}

export interface BatchFilter {
  owner?: string;
  state?: BatchState;
  scheduleId?: string;
  /** Those made before this one, by its time and id. */
  before?: { createdAt: Date; id: string };
  limit: number;
}

/** Batches, the newest first. */
export async function listBatches(tx: Tx, filter: BatchFilter): Promise<BatchRow[]> {
  const { owner = null, state = null, scheduleId = null, before, limit } = filter;
  const rows = await tx.$queryRaw<StoredBatch[]>`
    select ${columns} from (
      select * from batch
       where (${owner}::text is null or owner = ${owner}) and (${state}::text is null or state = ${state})
         and (${scheduleId}::uuid is null or schedule_id = ${scheduleId}::uuid)
         and (${before?.id ?? null}::uuid is null
              or (date_trunc('milliseconds', created_at), id) < (${before?.createdAt ?? null}::timestamptz, ${before?.id ?? null}::uuid))
       order by date_trunc('milliseconds', created_at) desc, id desc limit ${limit}) b ${counts}
     order by date_trunc('milliseconds', b.created_at) desc, b.id desc`;
  return rows.map(toBatch);
}

function toBatch(row: StoredBatch): BatchRow {
  return { ...row, priority: batchPriorities[row.priority] ?? 'normal' };
}

/** Locks a batch until the transaction ends. */
export async function lockBatch(
  tx: Tx,
  batchId: string,
): Promise<{ state: BatchState; paused: boolean; dryRun: boolean; owner: string } | null> {
  const [row] = await tx.$queryRaw<{ state: BatchState; paused: boolean; dryRun: boolean; owner: string }[]>`
    select state, paused, dry_run as "dryRun", owner from batch where id = ${batchId}::uuid for update`;
  return row ?? null;
}

/** Changes a batch that the caller has locked, and tells everybody who watches it. */
export async function updateBatch(
  tx: Tx,
  batchId: string,
  change: {
    state?: BatchState;
    paused?: boolean;
    priority?: BatchPriority;
    plan?: BatchPlan;
    refusal?: PullFailure | null;
  },
): Promise<void> {
  const { state = null, paused = null, priority, plan, refusal } = change;
  await tx.$queryRaw`
    update batch
       set state = coalesce(${state}, state), paused = coalesce(${paused}, paused),
           priority = coalesce(${priority === undefined ? null : priorityNumber(priority)}::smallint, priority),
           plan = coalesce(${plan === undefined ? null : jsonbText(plan)}::jsonb, plan),
           refusal = case when ${refusal === undefined} then refusal
                          else ${refusal ? jsonbText(refusal) : null}::jsonb end,
           virtual_time = case when ${paused === false} then null else virtual_time end,
           finished_at = case when coalesce(${state}, state) in ('planning', 'running') then null
                              else coalesce(finished_at, now()) end
     where id = ${batchId}::uuid
    returning pg_notify('entrepot', 'batch:' || id)::text, pg_notify('entrepot', 'backlog')::text`;
}

/** Ends running batches that have nothing left to do. */
export async function finishBatches(tx: Tx): Promise<void> {
  await tx.$queryRaw`
    update batch b set state = 'done', finished_at = now()
     where state = 'running'
       and not exists (select from batch_item i where i.batch_id = b.id and i.state in ('queued', 'planned', 'running'))
    returning pg_notify('entrepot', 'batch:' || id)::text`;
}

/** Takes the planning of a batch, or goes on with it. False when another plans it, or when there is nothing to plan. */
export async function claimPlanning(
  tx: Tx,
  claim: { batchId: string; planner: string; leaseMs: number },
): Promise<boolean> {
  const count = await tx.$executeRaw`
    update batch set planner = ${claim.planner}, planner_until = ${afterMs(claim.leaseMs)}
     where id = ${claim.batchId}::uuid and state in ('planning', 'running') and not paused
       and (planner is null or planner = ${claim.planner} or planner_until <= now())`;
  return count === 1;
}

export async function releasePlanning(tx: Tx, batchId: string, planner: string): Promise<void> {
  await tx.$executeRaw`
    update batch set planner = null, planner_until = null where id = ${batchId}::uuid and planner = ${planner}`;
}

/** Batches that somebody should plan now. */
export async function listUnplannedBatches(tx: Tx, limit: number): Promise<string[]> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    select b.id::text from batch b
     where b.state in ('planning', 'running') and not b.paused and (b.planner is null or b.planner_until <= now())
       and (exists (select from batch_item i where i.batch_id = b.id and i.state = 'queued' and i.not_before <= now())
            or (b.state = 'planning'
                and not exists (select from batch_item i where i.batch_id = b.id and i.state = 'queued')))
     order by b.created_at limit ${limit}`;
  return rows.map((row) => row.id);
}

/** Forgets batches that ended long ago, dry runs sooner. Their pulls may go then, too. */
export async function deleteFinishedBatches(tx: Tx, afterMsOf: { batch: number; dryRun: number }): Promise<number> {
  return await tx.$executeRaw`
    delete from batch where id in (
      select id from batch
       where finished_at <= case when dry_run then ${afterMs(-afterMsOf.dryRun)} else ${afterMs(-afterMsOf.batch)} end
       for update skip locked limit 20)`;
}

/** Forgets a plan that nobody will read again. Whoever is about to add to it finds it gone. */
export async function deleteDryRun(tx: Tx, batchId: string): Promise<void> {
  await tx.$executeRaw`delete from batch where id = ${batchId}::uuid and dry_run`;
}
