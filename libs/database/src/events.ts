import { jsonbText } from './jsonb-text.js';
import type { Tx } from './transaction.js';

/** Something that happened to an image, as `docker events` tells it. */
export interface NewEvent {
  type: 'image' | 'container';
  action: string;
  actorId: string;
  attributes: Record<string, string>;
}

export interface EventRow extends NewEvent {
  id: number;
  at: Date;
  /** Nanoseconds since 1970, exact to the microsecond; text, since a number would round it. */
  atNano: string;
}

/** Writes events in their order and wakes the topic `event`. */
export async function insertEvents(tx: Tx, events: readonly NewEvent[]): Promise<void> {
  if (events.length === 0) return;
  const rows = events.map(({ type, action, actorId, attributes }) => ({ type, action, actor_id: actorId, attributes }));
  await tx.$queryRaw`
    with made as (
      insert into event (type, action, actor_id, attributes)
        select * from jsonb_to_recordset(${jsonbText(rows)}::jsonb)
                   as e (type text, action text, actor_id text, attributes jsonb)
        returning id)
    select pg_notify('entrepot', 'event')::text from made limit 1`;
}

/** Events in their order: after one, or of the last `limit` those since a moment. */
export async function listEvents(
  tx: Tx,
  options: { afterId?: number; since?: Date; until?: Date; limit: number },
): Promise<EventRow[]> {
  return await tx.$queryRaw<EventRow[]>`
    select * from (
      select id::float8 as id, at, (extract(epoch from at) * 1000000)::bigint::text || '000' as "atNano",
             type, action, actor_id as "actorId", attributes
        from event
       where id > ${options.afterId ?? 0}::bigint and at >= coalesce(${options.since ?? null}::timestamptz, '-infinity')
         and at <= coalesce(${options.until ?? null}::timestamptz, 'infinity')
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
