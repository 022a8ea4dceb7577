import type { BatchPriority } from './batches.js';
import { batchPriorities } from './batches.js';
import { afterMs } from './database-time.js';
import type { Tx } from './transaction.js';

/** A batch that has something to start, and what of it would be next. */
export interface BacklogBatch {
  batchId: string;
  owner: string;
  priority: BatchPriority;
  /** Places in the fair queue; null for one that was not in it. */
  ownerTime: number | null;
  batchTime: number | null;
  /** Since something of it was started. */
  idleMs: number;
  items: BacklogItem[];
}

export interface BacklogItem {
  position: number;
  reference: string;
  platform: string | null;
  host: string;
  missingBytes: number;
  missingLayers: number;
}

/** Only one process fills the queue at a time. False when another does. */
export async function tryLockBacklog(tx: Tx): Promise<boolean> {
  const [row] = await tx.$queryRaw<{ locked: boolean }[]>`
    select pg_try_advisory_xact_lock(hashtext('entrepot backlog')) as locked`;
  return row?.locked === true;
}

/**
 * Batches with planned items, each with its next ones: by priority, then those that need the fewest bytes. Registries
 * that take no requests now are left out.
 */
export async function listBacklog(tx: Tx, itemsPerBatch: number): Promise<BacklogBatch[]> {
  const rows = await tx.$queryRaw<(Omit<BacklogBatch, 'priority'> & { priority: number })[]>`
    select b.id::text as "batchId", b.owner, b.priority, t.virtual_time as "ownerTime", b.virtual_time as "batchTime",
           (extract(epoch from now() - b.served_at) * 1000)::float8 as "idleMs", next.items
      from batch b left join tenant t on t.name = b.owner
      join lateral (
        select jsonb_agg(jsonb_build_object(
                 'position', n.position, 'reference', n.reference, 'platform', n.platform, 'host', n.host,
                 'missingBytes', n.missing_bytes, 'missingLayers', n.layer_count - n.layers_here) order by n.rank) as items
          from (select i.*, row_number() over (order by i.priority desc, i.missing_bytes, i.position) as rank
                  from batch_item i
                 where i.batch_id = b.id and i.state = 'planned'
                   and not exists (select from registry_state s where s.host = i.host and s.limited_until > now())
                 order by i.priority desc, i.missing_bytes, i.position limit ${itemsPerBatch}) n) next
        on next.items is not null
     where b.state = 'running' and not b.paused
     order by b.created_at, b.id limit 500`;
  return rows.map((row) => ({ ...row, priority: batchPriorities[row.priority] ?? 'normal' }));
}

/** Those of the batches whose pulls do not look at signatures. */
export async function findUncheckedBatches(tx: Tx, batchIds: readonly string[]): Promise<Set<string>> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    select id::text from batch where id = any(${[...batchIds]}::uuid[]) and skips_signatures`;
  return new Set(rows.map(({ id }) => id));
}

/** Work of batches that is in the queue or runs: transfers, and pulls that are not resolved with those they will need. */
export async function countStarted(tx: Tx): Promise<{ transfers: number; byHost: Map<string, number> }> {
  const rows = await tx.$queryRaw<{ host: string; transfers: number }[]>`
    select split_part(reference, '/', 1) as host, sum(transfers)::int as transfers from (
      select p.reference, greatest(1, coalesce(max(i.layer_count - i.layers_here), 1)) as transfers
        from pull p join batch_item i on i.pull_id = p.id and i.state = 'running'
       where p.state = 'queued' and p.kind = 'batch' and p.not_before <= now() group by p.id
      union all
      select min(p.reference), 1
        from pull p join pull_blob b on b.pull_id = p.id join blob_fetch f on f.digest = b.blob_digest
       where p.state = 'fetching' and p.kind = 'batch' and (f.state = 'running' or f.not_before <= now())
       group by f.digest) started
     group by 1`;
  const byHost = new Map(rows.map(({ host, transfers }) => [host, transfers]));
  return { transfers: rows.reduce((sum, row) => sum + row.transfers, 0), byHost };
}

/** Bytes that the items under way had to fetch when they were planned, by owner; without those whose registry lets them wait. */
export async function countStartedBytes(tx: Tx): Promise<Map<string, number>> {
  const rows = await tx.$queryRaw<{ owner: string; bytes: number }[]>`
    select b.owner, coalesce(sum(i.missing_bytes), 0)::float8 as bytes
      from batch b join batch_item i on i.batch_id = b.id and i.state = 'running' join pull p on p.id = i.pull_id
     where b.state = 'running'
       and case p.state
             when 'queued' then p.not_before <= now()
             when 'fetching' then exists (
               select from pull_blob w join blob_fetch f on f.digest = w.blob_digest
                where w.pull_id = p.id and (f.state = 'running' or f.not_before <= now()))
             else true end
     group by b.owner`;
  return new Map(rows.map(({ owner, bytes }) => [owner, bytes]));
}

/** Writes the places in the fair queue; owners who are not named have no backlog and lose theirs. */
export async function saveVirtualTimes(
  tx: Tx,
  times: { owners: ReadonlyMap<string, number>; batches: ReadonlyMap<string, number>; served: ReadonlySet<string> },
): Promise<void> {
  const owners = [...times.owners.keys()];
  const batches = [...times.batches.keys()];
  await tx.$executeRaw`delete from tenant where name <> all(${owners}::text[])`;
  await tx.$executeRaw`
    insert into tenant (name, virtual_time)
      select * from unnest(${owners}::text[], ${[...times.owners.values()]}::float8[])
      on conflict (name) do update set virtual_time = excluded.virtual_time`;
  await tx.$executeRaw`
    update batch b
       set virtual_time = t.virtual_time, served_at = case when t.served then now() else b.served_at end
      from unnest(${batches}::uuid[], ${[...times.batches.values()]}::float8[],
                  ${batches.map((id) => times.served.has(id))}::boolean[]) as t (id, virtual_time, served)
     where b.id = t.id`;
}

/** Says that a puller lives, and forgets those that were silent. */
export async function keepWorker(tx: Tx, worker: { owner: string; slots: number; silentMs: number }): Promise<void> {
  await tx.$executeRaw`
    with gone as (delete from worker where seen_at < ${afterMs(-worker.silentMs)} and owner <> ${worker.owner})
    insert into worker (owner, slots) values (${worker.owner}, ${worker.slots})
      on conflict (owner) do update set slots = excluded.slots, seen_at = now()`;
}

export async function deleteWorker(tx: Tx, owner: string): Promise<void> {
  await tx.$executeRaw`delete from worker where owner = ${owner}`;
}

/** Transfers that all living pullers take together. */
export async function countSlots(tx: Tx, silentMs: number): Promise<number> {
  const [row] = await tx.$queryRaw<{ slots: number }[]>`
    select coalesce(sum(slots), 0)::int as slots from worker where seen_at >= ${afterMs(-silentMs)}`;
  return row?.slots ?? 0;
}
