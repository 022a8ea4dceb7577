import { type ContentContext, leavePull, renewWatcher, watcherTtlMs } from '@entrepot/content';
import { type PullProgress, pullProgress } from '@entrepot/database';

const endStates = new Set<PullProgress['state']>(['done', 'failed', 'cancelled']);
/** Signals are only hints; a look costs one query. */
const lookAnywayMs = 2_000;
/** Progress of many blobs comes in bursts; two looks are at least so far apart. */
const burstMs = 20;

/** One client that watches one pull. As long as it is open, the pull has a reason to go on. */
export class PullWatch {
  readonly #renewal: NodeJS.Timeout;
  #ended = false;
  #closed = false;

  constructor(
    private readonly content: ContentContext,
    readonly pullId: string,
    private readonly watcherId: string,
  ) {
    this.#renewal = setInterval(() => {
      renewWatcher(content, pullId, watcherId).catch(() => {});
    }, watcherTtlMs / 3);
  }

  /** Looks whenever something changed, until the pull has ended or the signal aborts. Each line of the timeline comes once. */
  async *looks(signal: AbortSignal): AsyncGenerator<PullProgress> {
    const { prisma, signals } = this.content.database;
    const changes = signals.watch(`pull:${this.pullId}`);
    let lastEventId = 0;
    try {
      while (!signal.aborted) {
        const lookedAtMs = performance.now();
        const progress = await pullProgress(prisma, this.pullId, lastEventId);
        this.#ended = progress === null || endStates.has(progress.state);
        if (progress === null) return;
        lastEventId = progress.events.at(-1)?.id ?? lastEventId;
        yield progress;
        if (this.#ended) return;
        await changes.wait({ timeoutMs: lookAnywayMs, signal });
        await pauseUntil(lookedAtMs + burstMs);
      }
    } finally {
      changes.close();
    }
  }

  /** Stops watching; the last one to do so before the end cancels the pull. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#renewal);
    if (!this.#ended) await leavePull(this.content, this.pullId, this.watcherId);
  }
}

async function pauseUntil(timeMs: number): Promise<void> {
  const waitMs = timeMs - performance.now();
  if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
}
