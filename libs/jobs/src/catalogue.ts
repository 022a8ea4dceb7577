import { analyseLayer } from './analyse-layer.js';
import { analyseLayerNow } from './analyse-layer-now.js';
import { collect } from './collect.js';
import { fetchBatchBlob } from './fetch-batch-blob.js';
import { fetchBlob } from './fetch-blob.js';
import { findSeekPoints } from './find-seek-points.js';
import { listLayerFiles } from './list-layer-files.js';
import { loadArchive } from './load-archive.js';
import { planArchive } from './plan-archive.js';
import { planBatch } from './plan-batch.js';
import { publishPull } from './publish-pull.js';
import { resolvePull } from './resolve-pull.js';
import { runSchedule } from './run-schedule.js';

/** All work that this system can be asked to do. */
export const jobCatalogue = {
  resolvePull,
  fetchBlob,
  fetchBatchBlob,
  publishPull,
  planBatch,
  runSchedule,
  planArchive,
  loadArchive,
  analyseLayer,
  analyseLayerNow,
  listLayerFiles,
  findSeekPoints,
  collect,
} as const;
