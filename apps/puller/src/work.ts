import { jobCatalogue } from '@entrepot/jobs';
import { fetchBlob } from './fetch-blob.js';
import type { PullerParts } from './parts.js';
import { startPeriodic } from './periodic.js';
import { publishPull } from './publish-pull.js';
import { resolvePull } from './resolve-pull.js';
import { sweep, tend } from './sweep.js';

const concurrency = { resolve: 8, fetch: 4, publish: 4 };
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
      concurrency: concurrency.fetch,
    }),
    queue.work(jobCatalogue.publishPull, (payload) => publishPull(parts, payload), {
      concurrency: concurrency.publish,
    }),
  ];
  const onError = (error: unknown): void => logger.warn({ err: error }, 'sweep failed');
  const rounds = [
    startPeriodic(() => sweep(parts), { everyMs: sweepEveryMs, onError }),
    startPeriodic(() => tend(parts), { everyMs: tendEveryMs, onError }),
  ];
  return {
    stop: async () => {
      await Promise.all([...rounds.map((round) => round.stop()), ...workers.map((worker) => worker.close())]);
    },
  };
}
