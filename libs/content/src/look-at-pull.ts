import { type Database, type PullProgress, pullProgress } from '@entrepot/database';

const endStates = new Set<PullProgress['state']>(['done', 'failed', 'cancelled']);
/** Signals are only hints; a look costs one query. */
const lookAnywayMs = 2_000;
/** Progress of many blobs comes in bursts; two looks are at least so far apart, but for the last. */
const burstMs = 100;

/** Whether a pull goes on no more. */
export function hasEnded(progress: Pick<PullProgress, 'state'>): boolean {
  return endStates.has(progress.state);
}

/**
 * Looks at a pull whenever something changed, until it has ended or the signal aborts; nothing comes when there is no
 * such pull. Each line of its timeline after the given one comes once.
 */
export async function* lookAtPull(
  { prisma, signals }: Database,
  pullId: string,
  { signal, afterEventId = 0 }: { signal: AbortSignal; afterEventId?: number },
): AsyncGenerator<PullProgress> {
  const changes = signals.watch(`pull:${pullId}`);
  const end = signals.watch(`pull-end:${pullId}`);
  let lastEventId = afterEventId;
  try {
    while (!signal.aborted) {
      const lookedAtMs = performance.now();
      const progress = await pullProgress(prisma, pullId, lastEventId);
      if (progress === null) return;
      lastEventId = progress.events.at(-1)?.id ?? lastEventId;
      yield progress;
      if (hasEnded(progress)) return;
      await changes.wait({ timeoutMs: lookAnywayMs, signal });
      await end.wait({ timeoutMs: Math.max(lookedAtMs + burstMs - performance.now(), 0), signal });
    }
  } finally {
    changes.close();
    end.close();
  }
}
