import { BullQueue } from './bull-queue.js';
import { jobCatalogue } from './catalogue.js';
import { QueueUrlError } from './errors.js';
import type { JobQueue } from './job-queue.js';
import { migratePostgresQueue, openPostgresBackend } from './postgres-backend.js';
import { openRedisBackend } from './redis-backend.js';
import { type ErrorListener, throttleErrors } from './throttle-errors.js';
import { defaultTimings, type QueueTimings } from './timings.js';

/** Settings of a queue that have sensible defaults. */
export interface QueueOptions {
  /** Told about the backend's troubles, at most one of a kind in ten seconds, with how many were left out. */
  onError?: ErrorListener;
  /** For tests. */
  timings?: Partial<QueueTimings>;
}

/**
 * Opens the queue behind a URL: `redis://…` or `postgres://…`. Connects in the background.
 *
 * @throws {QueueUrlError} any other URL
 */
export function openQueue(url: string, options: QueueOptions = {}): JobQueue {
  const timings = { ...defaultTimings, ...options.timings };
  const { report, mute } = throttleErrors(options.onError ?? (() => {}));
  const openBackend = technologyOf(url) === 'redis' ? openRedisBackend : openPostgresBackend;
  const backend = openBackend(url, timings, report);
  const jobNames = Object.values(jobCatalogue).map((job) => job.name);
  return new BullQueue({ backend, timings, report, mute, jobNames });
}

/**
 * Brings the queue's tables up to date; a no-op on Redis. Idempotent, safe to run at once from many processes.
 *
 * @throws {QueueUnavailableError} backend refused; retry
 * @throws {QueueUrlError} neither Redis nor PostgreSQL
 */
export async function migrateQueue(url: string): Promise<void> {
  if (technologyOf(url) === 'postgres') await migratePostgresQueue(url);
}

function technologyOf(url: string): 'redis' | 'postgres' {
  if (/^rediss?:/.test(url)) return 'redis';
  if (/^postgres(ql)?:/.test(url)) return 'postgres';
  throw new QueueUrlError();
}
