import { type Database, type EventFilter, type EventRow, lastEventId, listEvents } from '@entrepot/database';

/** Which events are wanted: those since a moment, else only new ones; until another one, else for ever. */
export interface EventSpan extends EventFilter {
  /** Events after this one come first, whatever `since` says. */
  afterId?: number;
  /** Ends it at once. */
  signal: AbortSignal;
}

const pageSize = 10_000;
const lookAnywayMs = 15_000;
/** A transaction may commit this long after it took an event's number. */
const lateMs = 90_000;

/** Events in the order of their numbers, as they come. */
export async function* followEvents(
  database: Database,
  { afterId, signal, ...filter }: EventSpan,
): AsyncGenerator<EventRow> {
  const { since, until } = filter;
  const watch = database.signals.watch('event');
  const cursor = new EventCursor(afterId ?? (since === undefined ? await lastEventId(database.prisma) : 0));
  try {
    while (!signal.aborted) {
      const isOver = until !== undefined && until.getTime() <= Date.now();
      const rows = await listEvents(database.prisma, { ...filter, afterId: cursor.afterId, limit: pageSize });
      yield* cursor.takeNew(rows);
      if (isOver) return;
      const leftMs = until === undefined ? lookAnywayMs : until.getTime() - Date.now();
      await watch.wait({ timeoutMs: Math.min(lookAnywayMs, Math.max(leftMs, 0)), signal });
    }
  } finally {
    watch.close();
  }
}

/**
 * Numbers are given out in order but committed in any: a lower one may appear after a higher one. So the cursor stays
 * behind for a while and remembers what it has given out.
 */
class EventCursor {
  readonly #given = new Set<number>();

  constructor(public afterId: number) {}

  takeNew(rows: readonly EventRow[]): EventRow[] {
    const fresh = rows.filter(({ id }) => !this.#given.has(id));
    for (const { id } of fresh) this.#given.add(id);
    const settled = Date.now() - lateMs;
    const last = rows.findLast(({ at }) => at.getTime() < settled);
    if (last !== undefined) this.afterId = last.id;
    for (const id of this.#given) if (id <= this.afterId) this.#given.delete(id);
    return fresh;
  }
}
