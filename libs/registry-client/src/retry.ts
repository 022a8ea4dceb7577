import { setTimeout as sleep } from 'node:timers/promises';
import { RegistryFaultError, RegistryUnreachableError } from './errors.js';
import type { RequestContext } from './request-context.js';

/** How often one thing is tried and how long to wait between the tries. */
export interface RetryPolicy {
  attempts: number;
  firstDelayMs: number;
  maxDelayMs: number;
}

/** Manifests, tags, tokens: somebody waits for them. */
export const requestPolicy: RetryPolicy = { attempts: 3, firstDelayMs: 200, maxDelayMs: 2_000 };

/** Blobs; counted anew after progress. */
export const bodyPolicy: RetryPolicy = { attempts: 8, firstDelayMs: 1_000, maxDelayMs: 60_000 };

/** Whether trying the same again soon may help. */
export function isTransient(error: unknown): error is RegistryUnreachableError | RegistryFaultError {
  return error instanceof RegistryUnreachableError || error instanceof RegistryFaultError;
}

/** Runs something until it succeeds, fails for good or has failed too often. */
export async function retrying<T>(policy: RetryPolicy, context: RequestContext, run: () => Promise<T>): Promise<T> {
  for (let failures = 1; ; failures += 1) {
    try {
      return await run();
    } catch (error) {
      if (!isTransient(error) || failures >= policy.attempts) throw error;
      await waitToRetry(policy, failures, context, error);
    }
  }
}

/** Waits before the next try, told by `onRetry`; a random share of a doubling time, so that workers do not march in step. */
export async function waitToRetry(
  policy: RetryPolicy,
  failures: number,
  context: RequestContext,
  error: RegistryUnreachableError | RegistryFaultError,
): Promise<void> {
  const mostMs = Math.min(policy.maxDelayMs, policy.firstDelayMs * 2 ** (failures - 1));
  const delayMs = Math.round(Math.random() * mostMs);
  context.onRetry?.({ host: error.host, attempt: failures + 1, reason: error.message, delayMs });
  await sleep(delayMs, undefined, { signal: context.signal }).catch((aborted: unknown) => {
    context.signal?.throwIfAborted();
    throw aborted;
  });
}
