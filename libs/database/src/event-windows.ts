// Numbers of events are given out in order and committed in any: a lower one may appear after a higher one. So a reader
// remembers no number but a snapshot of PostgreSQL, which says exactly which transactions it has seen.
import { type EventFilter, type EventRow, eventColumns, matching } from './events.js';
import { Prisma } from './generated/client.js';
import type { Tx } from './transaction.js';

/** Where a reader is: it has seen all of one snapshot, and of a later one the events up to a number. */
export interface EventPlace {
  seen: string;
  window: string;
  id: number;
}

/** The snapshot in which nothing has happened yet. */
export const emptySnapshot = '3:3:';

const maxTransaction = 2n ** 63n;

/** What is committed now, as text of the type `pg_snapshot`. */
export async function currentSnapshot(tx: Tx): Promise<string> {
  const [row] = await tx.$queryRaw<{ now: string }[]>`select pg_current_snapshot()::text as now`;
  return row?.now ?? emptySnapshot;
}

/** Whether it is text of the type `pg_snapshot`: `xmin:xmax:xip,…`, in order. */
export function isSnapshot(text: string): boolean {
  const [, xmin = '', xmax = '', running = ''] = /^(\d{1,19}):(\d{1,19}):((?:\d{1,19},?)*)$/.exec(text) ?? [];
  if (xmin === '' || running.endsWith(',')) return false;
  const list = running === '' ? [] : running.split(',').map(BigInt);
  const ends = [BigInt(xmin), BigInt(xmax)] as const;
  const isInOrder = list.every((id, at) => id >= (list[at - 1] ?? ends[0]) && id < ends[1]);
  return ends[0] > 0n && ends[0] <= ends[1] && ends[1] < maxTransaction && isInOrder;
}

/** The next events of the window that the reader has not seen, in the order of their numbers. */
export async function readEvents(
  tx: Tx,
  { seen, window, id, limit, ...filter }: EventFilter & EventPlace & { limit: number },
): Promise<EventRow[]> {
  return await tx.$queryRaw<EventRow[]>`
    select ${eventColumns} from event
     where tx >= pg_snapshot_xmin(${seen}::pg_snapshot) and not pg_visible_in_snapshot(tx, ${seen}::pg_snapshot)
       and pg_visible_in_snapshot(tx, ${window}::pg_snapshot)
       and id > ${id}::bigint and ${matching(filter)}
     order by event.id limit ${limit}`;
}
