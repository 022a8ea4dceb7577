import { setImmediate } from 'node:timers/promises';

const sliceMs = 5;

/** Lets others have their turn in a long loop: `if (pause.isDue) await pause.take()`. */
export class Pause {
  #dueAtMs = performance.now() + sliceMs;

  get isDue(): boolean {
    return performance.now() > this.#dueAtMs;
  }

  async take(): Promise<void> {
    await setImmediate();
    this.#dueAtMs = performance.now() + sliceMs;
  }
}
