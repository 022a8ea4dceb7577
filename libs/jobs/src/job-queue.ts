import type { JobDefinition } from './define-job.js';

/** How one wish is to be queued. */
export interface EnqueueOptions {
  /** Not before this long from now; default at once. */
  delayMs?: number;
  /** 1 is taken first; none goes before every number. Many numbered ones can starve the higher numbers. */
  priority?: number;
}

/** What the handler of a job gets beside its payload. */
export interface JobContext {
  /** Aborted by `cancelLocal`, by a close after its grace, and when the lock was lost: another worker may run the job already. */
  readonly signal: AbortSignal;
  readonly jobId: string;
  /** 1 for the first try. Runs that ended in `retryAt` or with the worker's death do not count. */
  readonly attempt: number;
  /** Nobody tries again when this one fails, until somebody enqueues anew: the time to write the failure down. */
  readonly lastAttempt: boolean;
}

/** Resolves when the work is done; `retryAt` puts it back until then without using up an attempt. */
// biome-ignore lint/suspicious/noConfusingVoidType: a handler that returns nothing is the usual one.
export type JobHandler<T> = (payload: T, context: JobContext) => Promise<void | { retryAt: Date }>;

/** How a worker runs. */
export interface WorkOptions {
  /** Jobs of this kind at once in this process; default 1. */
  concurrency?: number;
}

/** The running side of one job in this process. */
export interface JobWorker {
  readonly jobName: string;
  /** Resolves when it takes jobs. */
  waitReady(): Promise<void>;
  /** Takes no more jobs, waits for those that run (at most `graceMs`, default 0: abort at once), then lets go. Idempotent. */
  close(graceMs?: number): Promise<void>;
}

/** How many jobs of one kind are where. */
export interface JobCounts {
  waiting: number;
  active: number;
  delayed: number;
  failed: number;
}

/**
 * The queue of a process. It carries ids only; the database holds the truth and a sweeper re-adds what is due, so
 * losing the queue or getting a job twice must do no harm: handlers take work by a conditional update.
 */
export interface JobQueue {
  /**
   * Asks for work. A no-op when the same id waits, is delayed, or runs right now: a wish made while the job runs is
   * not remembered, so write what is wanted to the database first and let the sweeper ask again.
   *
   * @throws {InvalidPayloadError} payload is not what the job carries; do not retry
   * @throws {QueueUnavailableError} backend refused or timed out; retry, or leave it to the sweeper
   */
  enqueue<T>(job: JobDefinition<T>, payload: T, options?: EnqueueOptions): Promise<void>;

  /** As `enqueue`, many in one round trip. One bad payload refuses all of them. */
  enqueueMany<T>(job: JobDefinition<T>, payloads: readonly T[], options?: EnqueueOptions): Promise<void>;

  /**
   * Starts taking jobs of this kind. One worker for each kind in a process.
   *
   * An error with `retryable: false`, or a payload that does not parse, fails the job for good; any other error is
   * tried again, five times in all, with growing pauses.
   */
  work<T>(job: JobDefinition<T>, handler: JobHandler<T>, options?: WorkOptions): JobWorker;

  /** Aborts the signal of a job that runs in this process; false when it does not. */
  cancelLocal<T>(job: JobDefinition<T>, payload: T, reason?: string): boolean;

  /** Counts by job name, for the jobs of the catalogue. */
  queueCounts(): Promise<Record<string, JobCounts>>;

  /** Resolves when the backend answers; for health checks. @throws {QueueUnavailableError} */
  ping(): Promise<void>;

  /** Resolves when the backend answers and every worker of this queue takes jobs. */
  waitReady(): Promise<void>;

  /** Closes all workers (each as in `JobWorker.close`) and connections. Ends within a second after the grace, whatever the backend does. Idempotent. */
  close(graceMs?: number): Promise<void>;
}
