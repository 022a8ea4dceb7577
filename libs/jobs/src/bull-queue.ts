import { type IQueueBackend, type Job, type JobsOptions, Queue } from 'bullmq';
import { BullWorker } from './bull-worker.js';
import type { JobDefinition } from './define-job.js';
import { QueueUnavailableError, WorkerExistsError } from './errors.js';
import type { EnqueueOptions, JobCounts, JobHandler, JobQueue, JobWorker, WorkOptions } from './job-queue.js';
import { parsePayload } from './parse-payload.js';
import type { QueueBackend } from './queue-backend.js';
import { maxAttempts, type QueueTimings } from './timings.js';
import { settledWithin } from './within.js';

/** What a queue is made of. */
export interface BullQueueSetting {
  backend: QueueBackend;
  timings: QueueTimings;
  report: (error: unknown) => void;
  /** Ends the reports: what breaks while connections are cut is no news. */
  mute: () => void;
  /** Jobs that are counted even when this process never touched them. */
  jobNames: readonly string[];
}

/** All queues of one process on BullMQ, one for each kind of job. */
export class BullQueue implements JobQueue {
  readonly #queues = new Map<string, BackedQueue>();
  readonly #workers = new Map<string, CancellableWorker>();
  #closing?: Promise<void>;

  constructor(private readonly setting: BullQueueSetting) {}

  async enqueue<T>(job: JobDefinition<T>, payload: T, options: EnqueueOptions = {}): Promise<void> {
    const wish = this.#wish(job, payload, options);
    await this.#ask(`enqueue ${job.name}`, () => this.#add(this.#queue(job.name), wish));
  }

  async enqueueMany<T>(job: JobDefinition<T>, payloads: readonly T[], options: EnqueueOptions = {}): Promise<void> {
    const wishes = new Map<string, Wish>();
    for (const payload of payloads) {
      const wish = this.#wish(job, payload, options);
      wishes.set(wish.opts.jobId, wish);
    }
    const all = [...wishes.values()];
    if (all.length === 0) return;
    if (all.length <= this.setting.backend.fewJobs)
      return this.#ask(`enqueue ${job.name}`, () => this.#addEach(this.#queue(job.name), all));
    for (let from = 0; from < all.length; from += batchSize) {
      await this.#ask(`enqueue ${job.name}`, () =>
        this.#addBatch(this.#queue(job.name), all.slice(from, from + batchSize)),
      );
    }
  }

  work<T>(job: JobDefinition<T>, handler: JobHandler<T>, options: WorkOptions = {}): JobWorker {
    if (this.#workers.has(job.name)) throw new WorkerExistsError(job.name);
    const worker = new BullWorker(job, handler, options, this.setting);
    this.#workers.set(job.name, worker);
    return worker;
  }

  cancelLocal<T>(job: JobDefinition<T>, payload: T, reason = 'cancelled'): boolean {
    return this.#workers.get(job.name)?.cancel(job.jobId(payload), reason) ?? false;
  }

  async queueCounts(): Promise<Record<string, JobCounts>> {
    const names = [...new Set([...this.setting.jobNames, ...this.#queues.keys(), ...this.#workers.keys()])];
    const counts = await this.#ask('count jobs', () => Promise.all(names.map((name) => this.#count(name))));
    return Object.fromEntries(names.map((name, index) => [name, counts[index] as JobCounts]));
  }

  async ping(): Promise<void> {
    await this.#ask('ping', () => this.setting.backend.ping());
  }

  async waitReady(): Promise<void> {
    await this.setting.backend.ready();
    await Promise.all([...this.#workers.values()].map((worker) => worker.waitReady()));
  }

  close(graceMs = 0): Promise<void> {
    this.#closing ??= this.#close(graceMs);
    return this.#closing;
  }

  async #close(graceMs: number): Promise<void> {
    await Promise.all([...this.#workers.values()].map((worker) => worker.close(graceMs)));
    const queues = Promise.all([...this.#queues.values()].map((queue) => queue.close()));
    await settledWithin(100, queues);
    this.setting.mute();
    await settledWithin(100, this.setting.backend.close());
  }

  #wish<T>(job: JobDefinition<T>, payload: T, { delayMs, priority }: EnqueueOptions): Wish {
    const data = parsePayload(job, payload);
    return {
      name: job.name,
      data,
      opts: {
        jobId: job.jobId(data),
        delay: delayMs,
        priority,
        attempts: maxAttempts,
        backoff: { type: 'exponential', delay: this.setting.timings.backoffMs, jitter: 0.5 },
        removeOnComplete: true,
        removeOnFail: { count: 1_000 },
        stackTraceLimit: 1,
      },
    };
  }

  async #add(queue: BackedQueue, wish: Wish): Promise<void> {
    const added = await queue.add(wish.name, wish.data, wish.opts);
    const stored = await queue.getJob(wish.opts.jobId);
    if (stored !== undefined && isOldFailure(stored, added)) await this.#replace(queue, stored, wish);
  }

  /** In their order. */
  async #addEach(queue: BackedQueue, wishes: readonly Wish[]): Promise<void> {
    const jobs: Job[] = [];
    for (const { name, data, opts } of wishes) jobs.push(await queue.add(name, data, opts));
    if (!(await this.#hasFailures(queue))) return;
    for (const [index, wish] of wishes.entries()) {
      const stored = await queue.getJob(wish.opts.jobId);
      if (stored !== undefined && isOldFailure(stored, jobs[index] as Job)) await this.#replace(queue, stored, wish);
    }
  }

  async #addBatch(queue: BackedQueue, wishes: Wish[]): Promise<void> {
    const added = new Map((await queue.addBulk(wishes)).map((job) => [job.id, job]));
    if (!(await this.#hasFailures(queue))) return;
    for (const old of await queue.getFailed(0, -1)) {
      const job = added.get(old.id);
      const wish = wishes.find(({ opts }) => opts.jobId === old.id);
      if (job !== undefined && wish !== undefined && isOldFailure(old, job)) await this.#replace(queue, old, wish);
    }
  }

  async #hasFailures(queue: BackedQueue): Promise<boolean> {
    return ((await queue.getJobCounts('failed')).failed ?? 0) > 0;
  }

  /** A job that failed for good keeps its id; asking for it again must not be a no-op. */
  async #replace(queue: BackedQueue, failed: Job, wish: Wish): Promise<void> {
    await failed.remove();
    await queue.add(wish.name, wish.data, wish.opts);
  }

  async #count(name: string): Promise<JobCounts> {
    const counts = await this.#queue(name).getJobCounts('waiting', 'prioritized', 'active', 'delayed', 'failed');
    const { waiting = 0, prioritized = 0, active = 0, delayed = 0, failed = 0 } = counts;
    return { waiting: waiting + prioritized, active, delayed, failed };
  }

  #queue(name: string): BackedQueue {
    const known = this.#queues.get(name);
    if (known !== undefined) return known;
    const { backend, report } = this.setting;
    const options = { connection: {}, prefix: 'entrepot', streams: { events: { maxLen: 100 } } };
    const queue: BackedQueue = new Queue(name, options, backend.factory);
    queue.on('error', report);
    this.#queues.set(name, queue);
    return queue;
  }

  /** What is late may still happen afterwards; every wish can be made twice. */
  async #ask<R>(action: string, work: () => Promise<R>): Promise<R> {
    if (this.#closing !== undefined) throw new QueueUnavailableError(`${action}: closed`);
    const answer = work();
    answer.catch(() => {});
    if (!(await settledWithin(this.setting.timings.answerMs, answer)))
      throw new QueueUnavailableError(`${action}: no answer`);
    try {
      return await answer;
    } catch (error) {
      throw new QueueUnavailableError(action, { cause: error });
    }
  }
}

type BackedQueue = Queue<unknown, unknown, string, unknown, unknown, string, IQueueBackend>;
type CancellableWorker = JobWorker & Pick<BullWorker<unknown>, 'cancel'>;

interface Wish {
  name: string;
  data: unknown;
  opts: JobsOptions & { jobId: string };
}

const batchSize = 500;

/** Whether the stored job failed before ours was added, rather than being ours, quick to fail. */
function isOldFailure(stored: Job, added: Job): boolean {
  return Boolean(stored.finishedOn) && stored.timestamp !== added.timestamp;
}
