import {
  cancelBatch,
  changeBatch,
  createBatch,
  createBatchFromFile,
  getBatch,
  getBatchItem,
  listBatches,
  listBatchItems,
  pauseBatch,
  planPull,
  resumeBatch,
  retryBatch,
  watchBatch,
} from './batches.js';
import { getEconomics, previewRemoval } from './economics.js';
import { followEvents, listEvents } from './events.js';
import { findImages } from './find.js';
import { getImage, getImageHistory, listImages, pruneImages, removeImage, tagImage } from './images.js';
import { compareImages, downloadPath, listImageLayers, listTree, measureWaste, readFile, statPath } from './layers.js';
import { cancelPull, followPull, getPull, listPulls, startPull } from './pulls.js';
import {
  changeRegistry,
  createRegistry,
  deleteRegistry,
  getRegistry,
  listRegistries,
  testRegistry,
} from './registries.js';
import { searchImages } from './search.js';
import { getDiskUsage, getSystem } from './system.js';
import { listTagMoves, listTags } from './tags.js';
import { createToken, deleteToken, listTokens } from './tokens.js';

/** All that the API can be asked; the keys are the operation ids of the OpenAPI document. */
export const endpoints = {
  getSystem,
  getDiskUsage,
  listImages,
  getImage,
  getImageHistory,
  tagImage,
  removeImage,
  pruneImages,
  listImageLayers,
  listTree,
  statPath,
  readFile,
  downloadPath,
  compareImages,
  measureWaste,
  getEconomics,
  previewRemoval,
  findImages,
  listTags,
  listTagMoves,
  startPull,
  listPulls,
  getPull,
  followPull,
  cancelPull,
  planPull,
  createBatch,
  createBatchFromFile,
  listBatches,
  getBatch,
  watchBatch,
  listBatchItems,
  getBatchItem,
  cancelBatch,
  retryBatch,
  pauseBatch,
  resumeBatch,
  changeBatch,
  searchImages,
  listEvents,
  followEvents,
  listRegistries,
  getRegistry,
  createRegistry,
  changeRegistry,
  deleteRegistry,
  testRegistry,
  createToken,
  listTokens,
  deleteToken,
} as const;
