import { jobCatalogue } from '@entrepot/jobs';
import { analyseLayer } from './analyse-layer.js';
import { collect } from './collect/collect.js';
import { findSeekPoints } from './find-seek-points.js';
import { listLayerFiles } from './list-layer-files.js';
import { loadQueued } from './load/load-queued.js';
import { startPeriodic } from './periodic.js';
import { planArchive } from './plan-archive.js';
import type { ArchiverParts } from './providers.js';
import { forget, sweep } from './sweep.js';

const plansAtOnce = 4;
const loadsAtOnce = 2;
const collectEveryMs = 5_000;
const sweepEveryMs = 5_000;
const forgetEveryMs = 10 * 60_000;

/** The running side of an archiver. */
export interface ArchiverWork {
  /** Takes nothing new and lets go of what it has. */
  stop(): Promise<void>;
}

/** Starts to take jobs, to collect, and to look for what nobody takes. One layer at a time keeps a core free, but for those that somebody waits for. */
export function startWork(parts: ArchiverParts): ArchiverWork {
  const { content, queue, logger, layers, urgentLayers } = parts;
  const { database } = content;
  const workers = [
    queue.work(jobCatalogue.planArchive, (payload) => planArchive({ database, logger }, payload), {
      concurrency: plansAtOnce,
    }),
    queue.work(jobCatalogue.loadArchive, (payload, job) => loadQueued(parts, payload, job), {
      concurrency: loadsAtOnce,
    }),
    queue.work(jobCatalogue.analyseLayer, (payload, job) => analyseLayer({ content, layers, logger }, payload, job)),
    queue.work(jobCatalogue.analyseLayerNow, (payload, job) =>
      analyseLayer({ content, layers: urgentLayers, logger }, payload, job),
    ),
    queue.work(jobCatalogue.listLayerFiles, (payload, job) => listLayerFiles({ content }, payload, job)),
    queue.work(jobCatalogue.findSeekPoints, (payload, job) =>
      findSeekPoints({ content, seekPoints: layers, logger }, payload, job),
    ),
    queue.work(jobCatalogue.collect, (_, job) => collect(parts, job.signal)),
  ];
  const onError = (error: unknown): void => logger.warn({ err: error }, 'a scheduled round failed');
  const rounds = [
    startPeriodic((signal) => collect(parts, signal), { everyMs: collectEveryMs, onError }),
    startPeriodic(() => sweep(parts), { everyMs: sweepEveryMs, onError }),
    startPeriodic(() => forget(parts), { everyMs: forgetEveryMs, onError }),
  ];
  return {
    stop: async () => {
      await Promise.all([...rounds.map((round) => round.stop()), ...workers.map((worker) => worker.close())]);
    },
  };
}
