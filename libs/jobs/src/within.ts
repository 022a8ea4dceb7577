import { setMaxListeners } from 'node:events';

/** Whether `work` settled in time. A rejection counts as settled and is the caller's to look at. */
export async function settledWithin(timeoutMs: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), timeoutMs);
  });
  const settled = work.then(
    () => true,
    () => true,
  );
  try {
    return await Promise.race([settled, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits, but not longer than until the signal aborts. Never rejects. */
export function pause(timeoutMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, timeoutMs);
    setMaxListeners(0, signal);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}
