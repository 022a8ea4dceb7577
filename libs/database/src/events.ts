import { Prisma } from './generated/client.js';
import { jsonbText } from './jsonb-text.js';
import type { Tx } from './transaction.js';

/** Something that happened: to an image or a container as `docker events` tells it, or to what only we have. */
export interface NewEvent {
  type: 'image' | 'container' | 'registry' | 'token' | 'archive' | 'pull';
  action: string;
  /** What it happened to. */
  actorId: string;
  attributes: Record<string, string>;
  /** What it was before and is now; never a secret. */
  change?: EventChange | null;
}

/** Null for what was not there, or is not any more. */
export interface EventChange {
  from: unknown;
  to: unknown;
}

/** The types that Docker clients know. */
export const dockerEventTypes: readonly NewEvent['type'][] = ['image', 'container'];

export interface EventRow extends NewEvent {
  id: number;
  at: Date;
  /** Nanoseconds since 1970, exact to the microsecond; text, since a number would round it. */
  atNano: string;
  /** In whose name; null for what the services do by themselves. */
  caller: string | null;
}

/** Writes events in their order, in the name of the transaction's caller, and wakes the topic `event`. */
export async function insertEvents(tx: Tx, events: readonly NewEvent[]): Promise<void> {
  if (events.length === 0) return;
  const rows = events.map(({ actorId, ...event }) => ({ ...event, actor_id: actorId }));
  await tx.$queryRaw`
    with made as (
      insert into event (type, action, actor_id, attributes, change)
        select * from jsonb_to_recordset(${jsonbText(rows)}::jsonb)
                   as e (type text, action text, actor_id text, attributes jsonb, change jsonb)
        returning id)
    select pg_notify('entrepot', 'event')::text from made limit 1`;
}

/** Which events are wanted; what is left out or empty narrows nothing. */
export interface EventFilter {
  since?: Date;
  until?: Date;
  types?: readonly string[];
  actions?: readonly string[];
  actorId?: string;
  caller?: string;
}

/** The last events that are wanted, in their order. */
export async function listEvents(tx: Tx, options: EventFilter & { limit: number }): Promise<EventRow[]> {
  return (await pageEvents(tx, options)).reverse();
}

/** Events before one, newest first. */
export async function pageEvents(
  tx: Tx,
  { beforeId, limit, ...filter }: EventFilter & { beforeId?: number; limit: number },
): Promise<EventRow[]> {
  return await tx.$queryRaw<EventRow[]>`
    select ${eventColumns} from event
     where (${beforeId === undefined} or id < ${beforeId ?? 0}::bigint) and ${matching(filter)}
     order by event.id desc limit ${limit}`;
}

/** An event as it is read. */
export const eventColumns = Prisma.sql`
  id::float8 as id, at, (extract(epoch from at) * 1000000)::bigint::text || '000' as "atNano",
  type, action, actor_id as "actorId", attributes, caller, change`;

/** Whether an event is wanted. */
export function matching({ since, until, types = [], actions = [], actorId, caller }: EventFilter): Prisma.Sql {
  return Prisma.sql`
    at >= coalesce(${since ?? null}::timestamptz, '-infinity')
    and at <= coalesce(${until ?? null}::timestamptz, 'infinity')
    and (${types.length === 0} or type = any(${[...types]}::text[]))
    and (${actions.length === 0} or action = any(${[...actions]}::text[]))
    and (${actorId ?? null}::text is null or actor_id = ${actorId ?? null})
    and (${caller ?? null}::text is null or caller = ${caller ?? null})`;
}

/** Forgets old events. Returns how many. */
export async function deleteOldEvents(tx: Tx, olderThanMs: number): Promise<number> {
  return await tx.$executeRaw`
    delete from event where at < now() - make_interval(secs => ${olderThanMs / 1000}::float8)`;
}
