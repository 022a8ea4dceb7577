import { startBatchItems, workerSilentMs } from '@entrepot/content';
import { deleteWorker, keepWorker } from '@entrepot/database';
import { jobCatalogue } from '@entrepot/jobs';
import type { PullerParts } from './parts.js';
import { type Periodic, pause } from './periodic.js';

/** Signals are only hints; a look costs a few queries. */
const lookAnywayMs = 2_000;
/** Many items end in bursts; two looks are at least so far apart. */
const burstMs = 50;
/** Behind the pulls of people, which have none. */
const batchPriority = 10;

/**
 * Moves work of batches from the database into the queue, which never holds more than the pullers are about to do: so
 * the order can change at any time. Every puller pumps; the database lets one of them through.
 */
export function startPump(parts: PullerParts, slots: number): Periodic {
  const stopping = new AbortController();
  const running = pump(parts, slots, stopping.signal);
  return {
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

async function pump(parts: PullerParts, slots: number, signal: AbortSignal): Promise<void> {
  const { database } = parts.content;
  const backlog = database.signals.watch('backlog');
  try {
    while (!signal.aborted) {
      await pumpOnce(parts, slots).catch((error: unknown) => parts.logger.warn({ err: error }, 'no work was started'));
      await pause(burstMs, signal);
      await backlog.wait({ timeoutMs: lookAnywayMs, signal });
    }
  } finally {
    backlog.close();
    await deleteWorker(database.prisma, parts.owner).catch(() => {});
  }
}

async function pumpOnce({ content, queue, owner, upstreams }: PullerParts, slots: number): Promise<void> {
  await keepWorker(content.database.prisma, { owner, slots, silentMs: workerSilentMs });
  const limits = upstreams
    .list()
    .flatMap(({ host, maxConnections }) => (maxConnections ? [[host, maxConnections] as const] : []));
  const pulls = await startBatchItems(content, new Map(limits));
  await queue.enqueueMany(
    jobCatalogue.resolvePull,
    pulls.map((pullId) => ({ pullId })),
    { priority: batchPriority },
  );
}
