import type { PullProgress } from '@entrepot/database';
import type { ContentContext } from './context.js';
import { hasEnded, lookAtPull } from './look-at-pull.js';
import { leavePull, renewWatcher, watcherTtlMs } from './pulling.js';

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
    for await (const progress of lookAtPull(this.content.database, this.pullId, { signal })) {
      this.#ended = hasEnded(progress);
      yield progress;
    }
    // A pull that was forgotten has ended too.
    if (!signal.aborted) this.#ended = true;
  }

  /** Stops watching; the last one to do so before the end cancels the pull. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#renewal);
    if (!this.#ended) await leavePull(this.content, this.pullId, this.watcherId);
  }
}
