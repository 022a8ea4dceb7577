/** Something that is done again and again until it is stopped. */
export interface Periodic {
  /** Waits for the round that runs. Idempotent. */
  stop(): Promise<void>;
}

export interface PeriodicOptions {
  everyMs: number;
  onError(error: unknown): void;
}

/** Runs rounds one after another, with pauses that vary so that many processes do not move in step. */
export function startPeriodic(round: (signal: AbortSignal) => Promise<void>, options: PeriodicOptions): Periodic {
  const stopping = new AbortController();
  const ended = repeat(round, options, stopping.signal);
  return {
    stop: () => {
      stopping.abort();
      return ended;
    },
  };
}

async function repeat(
  round: (signal: AbortSignal) => Promise<void>,
  { everyMs, onError }: PeriodicOptions,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await pause(everyMs * (0.5 + Math.random()), signal);
    if (signal.aborted) return;
    await round(signal).catch(onError);
  }
}

/** Ends early when the signal aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}
