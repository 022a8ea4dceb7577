import { jsonbText } from './jsonb-text.js';
import type { Tx } from './transaction.js';

/** Something that happened: to an image or a container as `docker events` tells it, or to what only we have. */
export interface NewEvent {
  type: 'image' | 'container' | 'registry' | 'token';
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

/** Events in their order: after one, or of the last `limit` those since a moment. */
export async function listEvents(
  tx: Tx,
  options: { afterId?: number; since?: Date; until?: Date; types?: readonly string[]; limit: number },
): Promise<EventRow[]> {
  return await tx.$queryRaw<EventRow[]>`
    select * from (
      select id::float8 as id, at, (extract(epoch from at) * 1000000)::bigint::text || '000' as "atNano",
             type, action, actor_id as "actorId", attributes, caller, change
        from event
       where id > ${options.afterId ?? 0}::bigint and at >= coalesce(${options.since ?? null}::timestamptz, '-infinity')
         and at <= coalesce(${options.until ?? null}::timestamptz, 'infinity')
         and (${options.types === undefined} or type = any(${[...(options.types ?? [])]}::text[]))
       order by event.id desc limit ${options.limit}) e
     order by id`;
}

/** The number of the last event, 0 when nothing has happened yet. */
export async function lastEventId(tx: Tx): Promise<number> {
  const [row] = await tx.$queryRaw<{ id: number }[]>`select coalesce(max(id), 0)::float8 as id from event`;
  return row?.id ?? 0;
}

/** Forgets old events. Returns how many. */
export async function deleteOldEvents(tx: Tx, olderThanMs: number): Promise<number> {
  return await tx.$executeRaw`
    delete from event where at < now() - make_interval(secs => ${olderThanMs / 1000}::float8)`;
}
