export { analyseLayer, analysesOn } from './analyse-layer.js';
export { analyseLayerNow } from './analyse-layer-now.js';
export { jobCatalogue } from './catalogue.js';
export { collect } from './collect.js';
export { defineJob, InvalidJobNameError, type JobDefinition } from './define-job.js';
export { InvalidPayloadError, QueueUnavailableError, QueueUrlError, WorkerExistsError } from './errors.js';
export { fetchBatchBlob } from './fetch-batch-blob.js';
export { fetchBlob } from './fetch-blob.js';
export { findSeekPoints } from './find-seek-points.js';
export type {
  EnqueueOptions,
  JobContext,
  JobCounts,
  JobHandler,
  JobQueue,
  JobWorker,
  WorkOptions,
} from './job-queue.js';
export { listLayerFiles } from './list-layer-files.js';
export { loadArchive } from './load-archive.js';
export { migrateQueue, openQueue, type QueueOptions } from './open-queue.js';
export { planArchive } from './plan-archive.js';
export { planBatch } from './plan-batch.js';
export { publishPull } from './publish-pull.js';
export { resolvePull } from './resolve-pull.js';
export { runSchedule } from './run-schedule.js';
