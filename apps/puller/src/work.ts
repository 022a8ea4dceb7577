import { jobCatalogue } from '@entrepot/jobs';
import { fetchBatchBlob, fetchBlob } from './fetch-blob.js';
import type { PullerParts } from './parts.js';
import { startPeriodic } from './periodic.js';
import { planBatch } from './plan-batch.js';
import { publishPull } from './publish-pull.js';
import { startPump } from './pump.js';
import { resolvePull } from './resolve-pull.js';
import { runSchedule } from './run-schedule.js';
import { sweep, tend } from './sweep.js';

/** Blobs that are transferred at the same time, for people and for batches together. */
export const transferSlots = 4;
export const tinyTransferSlots = 8;
const concurrency = { resolve: 8, publish: 4, plan: 2, schedules: 1 };
const sweepEveryMs = 5_000;
const tendEveryMs = 15_000;

/** The running side of a puller. */
export interface PullerWork {
  /** Takes nothing new, lets go of what it has so that others can go on with it. */
  stop(): Promise<void>;
}

/** Starts to take jobs and to look for what nobody takes. */
export function startWork(parts: PullerParts): PullerWork {
  const { queue, logger } = parts;
  const workers = [
    queue.work(jobCatalogue.resolvePull, (payload, job) => resolvePull(parts, payload, job), {
      concurrency: concurrency.resolve,
    }),
    queue.work(jobCatalogue.fetchBlob, (payload, job) => fetchBlob(parts, payload, job), {
      concurrency: transferSlots,
    }),
    queue.work(jobCatalogue.fetchBatchBlob, (payload, job) => fetchBatchBlob(parts, payload, job), {
      concurrency: transferSlots,
    }),
    queue.work(jobCatalogue.planBatch, (payload, job) => planBatch(parts, payload, job), {
      concurrency: concurrency.plan,
    }),
    queue.work(jobCatalogue.runSchedule, (payload, job) => runSchedule(parts, payload, job), {
      concurrency: concurrency.schedules,
    }),
    queue.work(jobCatalogue.publishPull, (payload) => publishPull(parts, payload), {
      concurrency: concurrency.publish,
    }),
  ];
  const onError = (error: unknown): void => logger.warn({ err: error }, 'sweep failed');
  const pump = startPump(parts, transferSlots);
  const rounds = [
    startPeriodic(() => sweep(parts), { everyMs: sweepEveryMs, onError }),
    startPeriodic(() => tend(parts), { everyMs: tendEveryMs, onError }),
  ];
  return {
    stop: async () => {
      await Promise.all([
        pump.stop(),
        parts.ownFetches.stop(),
        parts.analysis.stop(),
        ...rounds.map((round) => round.stop()),
        ...workers.map((worker) => worker.close()),
      ]);
    },
  };
}
