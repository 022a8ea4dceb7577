import type { PullKind } from './pulls.js';
import type { Tx } from './transaction.js';

/** Pulls that have not ended: those of people and those of batches, by how far they are. */
export interface UnfinishedPulls {
  lane: PullKind;
  state: 'queued' | 'fetching' | 'publishing';
  count: number;
  /** Of the one that was asked for first. */
  oldestSeconds: number;
}

/** Items of an owner that wait for their turn, in batches that are neither paused nor over. */
export interface WaitingItems {
  owner: string;
  count: number;
  /** As far as they are planned. */
  missingBytes: number;
  oldestSeconds: number;
}

export async function countUnfinishedPulls(tx: Tx): Promise<UnfinishedPulls[]> {
  return await tx.$queryRaw<UnfinishedPulls[]>`
    select kind as lane, state, count(*)::int as count,
           extract(epoch from now() - min(created_at))::float8 as "oldestSeconds"
      from pull where state in ('queued', 'fetching', 'publishing') group by kind, state`;
}

/** Whether somebody waits for a pull that began a moment ago and that nothing but us holds up. */
export async function hasYoungPulls(tx: Tx, youngMs: number): Promise<boolean> {
  const [row] = await tx.$queryRaw<{ found: boolean }[]>`
    select exists (
      select from pull
       where state in ('queued', 'fetching', 'publishing') and kind = 'interactive' and not_before <= now()
         and created_at > now() - make_interval(secs => ${youngMs / 1000}::float8)) as found`;
  return row?.found === true;
}

/** Those who have most waiting first. */
export async function countWaitingItems(tx: Tx, mostOwners: number): Promise<WaitingItems[]> {
  return await tx.$queryRaw<WaitingItems[]>`
    select b.owner, count(*)::int as count, coalesce(sum(i.missing_bytes), 0)::float8 as "missingBytes",
           extract(epoch from now() - min(b.created_at))::float8 as "oldestSeconds"
      from batch b join batch_item i on i.batch_id = b.id and i.state in ('queued', 'planned')
     where b.state in ('planning', 'running') and not b.paused and not b.dry_run
     group by b.owner order by count(*) desc, b.owner limit ${mostOwners}`;
}
