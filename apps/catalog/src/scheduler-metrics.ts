import { countUnfinishedPulls, countWaitingItems, listLimitedRegistries } from '@entrepot/database';
import type { Metrics } from '@entrepot/observability';
import type { CatalogParts } from './providers.js';

/** Each owner is a series of its own; beyond these somebody names owners at random. */
const mostOwners = 100;
/** The metrics of one reading come from one look. */
const sameReadingMs = 1_000;

/** What waits and why, asked of database and queue whenever the metrics are read. Every catalog says the same. */
export function recordScheduler(parts: Pick<CatalogParts, 'metrics' | 'database' | 'queue'>): void {
  const { metrics, queue, database } = parts;
  const pulls = shared(() => countUnfinishedPulls(database.prisma));
  const items = shared(() => countWaitingItems(database.prisma, mostOwners));

  record(metrics, 'queue_jobs', 'Jobs in the queue.', ['job', 'state'], async () =>
    Object.entries(await queue.queueCounts()).flatMap(([job, states]) =>
      Object.entries(states).map(([state, value]) => ({ labels: { job, state }, value })),
    ),
  );
  record(
    metrics,
    'unfinished_pulls',
    'Pulls of people and of batches that have not ended.',
    ['lane', 'state'],
    async () => (await pulls()).map(({ lane, state, count }) => ({ labels: { lane, state }, value: count })),
  );
  record(metrics, 'oldest_pull_seconds', 'Age of the oldest pull that has not ended.', ['lane', 'state'], async () =>
    (await pulls()).map(({ lane, state, oldestSeconds }) => ({ labels: { lane, state }, value: oldestSeconds })),
  );
  record(metrics, 'waiting_items', 'Items of batches that wait for their turn.', ['owner'], async () =>
    (await items()).map(({ owner, count }) => ({ labels: { owner }, value: count })),
  );
  record(
    metrics,
    'waiting_bytes',
    'What planned items that wait need; shared blobs count each time.',
    ['owner'],
    async () => (await items()).map(({ owner, missingBytes }) => ({ labels: { owner }, value: missingBytes })),
  );
  record(metrics, 'oldest_waiting_item_seconds', 'Age of the oldest item that waits.', ['owner'], async () =>
    (await items()).map(({ owner, oldestSeconds }) => ({ labels: { owner }, value: oldestSeconds })),
  );
  record(metrics, 'registry_limited_seconds', 'How long a registry still wants no requests.', ['registry'], async () =>
    (await listLimitedRegistries(database.prisma)).map(({ host, waitMs }) => ({
      labels: { registry: host },
      value: waitMs / 1_000,
    })),
  );
}

/** A gauge of which only the series of the last look are left. */
function record<L extends string>(
  metrics: Metrics,
  name: string,
  help: string,
  labels: readonly L[],
  look: () => Promise<{ labels: Record<L, string>; value: number }[]>,
): void {
  metrics.gauge<L>({
    ...{ name, help, labels },
    collect: async (gauge) => {
      const series = await look();
      gauge.reset();
      for (const one of series) gauge.set(one.labels, one.value);
    },
  });
}

function shared<T>(read: () => Promise<T>): () => Promise<T> {
  let reading: { value: Promise<T>; atMs: number } | undefined;
  return () => {
    if (reading === undefined || performance.now() - reading.atMs >= sameReadingMs) {
      reading = { value: read(), atMs: performance.now() };
    }
    return reading.value;
  };
}
