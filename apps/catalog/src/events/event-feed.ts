import {
  currentSnapshot,
  type Database,
  type EventFilter,
  type EventPlace,
  type EventRow,
  emptySnapshot,
  readEvents,
} from '@entrepot/database';

/** Which events are wanted: those since a moment, else only new ones; until another one, else for ever. */
export interface EventSpan extends EventFilter {
  /** Goes on from there, whatever `since` says. */
  from?: EventPlace;
  /** Ends it at once. */
  signal: AbortSignal;
}

/** An event, and where whoever has seen it is. */
export type FedEvent = EventRow & { place: EventPlace };

const pageSize = 1_000;
const lookAnywayMs = 15_000;

/** Events as they come, each once, whatever the order in which their transactions end. */
export async function* followEvents(
  database: Database,
  { from, signal, ...filter }: EventSpan,
): AsyncGenerator<FedEvent> {
  const { since, until } = filter;
  const watch = database.signals.watch('event');
  let place = from ?? (await start(database, since));
  try {
    yield* readWindow(database, filter, place);
    while (!signal.aborted) {
      const isOver = until !== undefined && until.getTime() <= Date.now();
      place = { seen: place.window, window: await currentSnapshot(database.prisma), id: 0 };
      yield* readWindow(database, filter, place);
      if (isOver) return;
      const leftMs = until === undefined ? lookAnywayMs : until.getTime() - Date.now();
      await watch.wait({ timeoutMs: Math.min(lookAnywayMs, Math.max(leftMs, 0)), signal });
    }
  } finally {
    watch.close();
  }
}

async function start({ prisma }: Database, since: Date | undefined): Promise<EventPlace> {
  const seen = since === undefined ? await currentSnapshot(prisma) : emptySnapshot;
  return { seen, window: seen, id: 0 };
}

async function* readWindow(database: Database, filter: EventFilter, from: EventPlace): AsyncGenerator<FedEvent> {
  if (from.seen === from.window) return;
  for (let { id } = from, rows = pageSize; rows === pageSize; ) {
    const page = await readEvents(database.prisma, { ...filter, ...from, id, limit: pageSize });
    for (const row of page) yield { ...row, place: { ...from, id: row.id } };
    rows = page.length;
    id = page.at(-1)?.id ?? id;
  }
}
