import { setTimeout as sleep } from 'node:timers/promises';
import { BlobStoreUnavailableError } from '../blob-store.js';

/** Enough for a server that restarts or a connection that it closed as we used it; longer faults are the caller's. */
export const defaultRetryDelaysMs: readonly number[] = [100, 500, 1500];

/** Does an idempotent request again while the store is unavailable, once after each delay. */
export async function retried<T>(
  delaysMs: readonly number[],
  request: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  for (const delayMs of delaysMs) {
    try {
      return await request();
    } catch (error) {
      if (!(error instanceof BlobStoreUnavailableError) || signal?.aborted) throw error;
    }
    await sleep(delayMs * (0.5 + Math.random()));
  }
  return request();
}
