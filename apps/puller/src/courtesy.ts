// A pull that people wait for is over in a second where nobody else needs the processors. Slots divide transfers; this
// divides all the rest: while such a pull is young, each process does one thing for batches at a time.
import type { ContentContext } from '@entrepot/content';
import { hasYoungPulls } from '@entrepot/database';
import { pause } from './periodic.js';

/** Whoever waits longer waits for bytes, of which batches leave him his share anyway. */
const youngMs = 5_000;
/** An answer of the database is good so long. */
const freshMs = 50;
const lookAgainMs = 100;

/** Knows whether people wait, and lets batches step back. */
export class Courtesy {
  #running = 0;
  #known: { answer: Promise<boolean>; atMs: number } | undefined;

  constructor(private readonly content: Pick<ContentContext, 'database'>) {}

  /** Does one thing of a batch, unless people wait and another is being done; null then, and nothing was done. */
  async attempt<T>(work: () => Promise<T>): Promise<{ result: T } | null> {
    if (this.#running > 0 && (await this.#peopleWait())) return null;
    return { result: await this.#run(work) };
  }

  /** As `attempt`, but waits until it may. @throws the reason of the signal */
  async whenPossible<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (;;) {
      const done = await this.attempt(work);
      if (done !== null) return done.result;
      await pause(lookAgainMs * (0.5 + Math.random()), signal);
      signal.throwIfAborted();
    }
  }

  async #run<T>(work: () => Promise<T>): Promise<T> {
    this.#running += 1;
    try {
      return await work();
    } finally {
      this.#running -= 1;
    }
  }

  #peopleWait(): Promise<boolean> {
    if (this.#known === undefined || performance.now() - this.#known.atMs >= freshMs) {
      this.#known = { answer: hasYoungPulls(this.content.database.prisma, youngMs), atMs: performance.now() };
    }
    return this.#known.answer;
  }
}
