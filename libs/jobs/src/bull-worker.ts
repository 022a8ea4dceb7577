import {
  ConnectionClosedError,
  DelayedError,
  type IQueueBackend,
  type Job,
  UnrecoverableError,
  WaitingError,
  Worker,
} from 'bullmq';
import type { JobDefinition } from './define-job.js';
import { InvalidPayloadError } from './errors.js';
import type { JobHandler, JobWorker, WorkOptions } from './job-queue.js';
import { parsePayload } from './parse-payload.js';
import type { QueueBackend } from './queue-backend.js';
import { closeMs, maxAttempts, maxStalledCount, type QueueTimings } from './timings.js';
import { pause, settledWithin } from './within.js';

/** What a worker shares with the queue that opened it. */
export interface WorkerSetting {
  backend: QueueBackend;
  timings: QueueTimings;
  report: (error: unknown) => void;
}

type AbortCause = 'cancelled' | 'closing' | 'lost';

interface Run {
  readonly jobId: string;
  readonly controller: AbortController;
  cause?: AbortCause;
}

/** A BullMQ worker that turns what a handler does into what the queue needs to know. */
export class BullWorker<T> implements JobWorker {
  readonly jobName: string;
  readonly #runs = new Set<Run>();
  readonly #stop = new AbortController();
  readonly #started: Promise<void>;
  #worker?: ReleasableWorker;
  #closing?: Promise<void>;

  constructor(
    private readonly job: JobDefinition<T>,
    private readonly handler: JobHandler<T>,
    private readonly options: WorkOptions,
    private readonly setting: WorkerSetting,
  ) {
    this.jobName = job.name;
    this.#started = this.#start();
    this.#started.catch(setting.report);
  }

  waitReady(): Promise<void> {
    return this.#started;
  }

  /** Aborts the runs of one job. */
  cancel(jobId: string, reason: string): boolean {
    const found = [...this.#runs].filter((run) => run.jobId === jobId);
    for (const run of found) abort(run, 'cancelled', reason);
    return found.length > 0;
  }

  close(graceMs = 0): Promise<void> {
    this.#closing ??= this.#close(graceMs);
    return this.#closing;
  }

  /** BullMQ's worker remembers for ever that its first contact failed, so it is made only when the backend answers. */
  async #start(): Promise<void> {
    const { backend, timings, report } = this.setting;
    await Promise.race([backend.ready(), aborted(this.#stop.signal)]);
    if (this.#stop.signal.aborted) return;
    const worker = new ReleasableWorker(
      this.job.name,
      (job, token) => this.#process(job, token),
      {
        connection: {},
        prefix: 'entrepot',
        concurrency: this.options.concurrency ?? 1,
        lockDuration: timings.lockMs,
        stalledInterval: timings.stalledCheckMs,
        maxStalledCount,
        runRetryDelay: timings.knockMs,
      },
      backend.factory,
    );
    this.#worker = worker;
    worker.on('error', report);
    worker.on('lockRenewalFailed', (jobIds) => this.#lose(jobIds));
    await Promise.race([worker.waitUntilReady(), aborted(this.#stop.signal)]);
  }

  async #process(job: Job, token?: string): Promise<void> {
    if (this.#stop.signal.aborted) await this.#putBack(job, token);
    const run: Run = { jobId: job.id ?? '', controller: new AbortController() };
    this.#runs.add(run);
    try {
      const outcome = await this.#handle(job, run);
      if (outcome?.retryAt) await this.#delay(job, outcome.retryAt, token);
    } catch (error) {
      if (error instanceof DelayedError) throw error;
      if (run.cause === 'cancelled') return;
      if (run.cause === 'closing') await this.#putBack(job, token);
      throw this.#failure(error);
    } finally {
      this.#runs.delete(run);
    }
  }

  async #handle(job: Job, { controller, jobId }: Run): Promise<Awaited<ReturnType<JobHandler<T>>>> {
    const payload = parsePayload(this.job, job.data);
    const attempt = job.attemptsMade + 1;
    return this.handler(payload, { signal: controller.signal, jobId, attempt, lastAttempt: attempt >= maxAttempts });
  }

  async #delay(job: Job, retryAt: Date, token?: string): Promise<never> {
    await this.#insist(() => job.moveToDelayed(retryAt.getTime(), token));
    throw new DelayedError();
  }

  async #putBack(job: Job, token?: string): Promise<never> {
    await this.#insist(() => job.moveToWait(token));
    throw new WaitingError();
  }

  /** A backend that restarts just now must not cost the job an attempt. */
  async #insist(move: () => Promise<unknown>): Promise<void> {
    for (;;) {
      try {
        await move();
        return;
      } catch (error) {
        if (!(error instanceof ConnectionClosedError) || this.#stop.signal.aborted) throw error;
        await pause(this.setting.timings.knockMs, this.#stop.signal);
      }
    }
  }

  /** The error as BullMQ keeps it: text only, and final when trying again cannot help. */
  #failure(error: unknown): Error {
    if (error instanceof InvalidPayloadError) this.setting.report(error);
    const isFinal = (error as { retryable?: unknown } | undefined)?.retryable === false;
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    const message = text.replaceAll('\0', '').slice(0, 2_000);
    return isFinal ? new UnrecoverableError(message) : new Error(message);
  }

  #lose(jobIds: readonly string[]): void {
    for (const run of this.#runs) if (jobIds.includes(run.jobId)) abort(run, 'lost', 'the lock was lost');
  }

  async #close(graceMs: number): Promise<void> {
    this.#stop.abort();
    if (this.#worker === undefined) return;
    await this.#worker.pause(true);
    const closed = this.#worker.close().catch(this.setting.report);
    if (graceMs > 0 && (await settledWithin(graceMs, closed))) return;
    for (const run of this.#runs) abort(run, 'closing', 'the worker closes');
    if (!(await settledWithin(closeMs, closed))) await this.#worker.release();
  }
}

class ReleasableWorker extends Worker<unknown, unknown, string, IQueueBackend> {
  /** Stops renewing the locks of runs that do not end, so that other workers get their jobs. */
  async release(): Promise<void> {
    await this.lockManager.close();
  }

  /** BullMQ's five seconds would keep a process alive that wants to end. */
  protected override checkConnectionError<R>(check: () => Promise<R>): Promise<R | undefined> {
    return super.checkConnectionError(check, this.opts.runRetryDelay);
  }
}

function abort(run: Run, cause: AbortCause, reason: string): void {
  run.cause ??= cause;
  run.controller.abort(new Error(reason));
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
