export {
  beginUpload,
  continueUpload,
  deleteArchive,
  downloadArchive,
  followArchive,
  getArchive,
  listArchives,
  loadFromUrl,
  saveArchive,
  uploadArchive,
} from './archives.js';
export {
  type BatchRequest,
  batchRequest,
  cancelBatch,
  changeBatch,
  createBatch,
  createBatchFromFile,
  getBatch,
  getBatchItem,
  listBatches,
  listBatchItems,
  maxBatchItems,
  pauseBatch,
  planPull,
  resumeBatch,
  retryBatch,
  watchBatch,
} from './batches.js';
export { basePath, defineEndpoint, type Endpoint, type Role, roles, type Stream } from './define-endpoint.js';
export { getEconomics } from './economics.js';
export { type EndpointInput, type EndpointOutput, type EndpointRequest, requestOf } from './endpoint-request.js';
export { endpoints } from './endpoints.js';
export { followEvents, listEvents } from './events.js';
export { findImages } from './find.js';
export { getImage, getImageHistory, listImages, pruneImages, removeImage, removeImages, tagImage } from './images.js';
export {
  compareImages,
  downloadPath,
  listImageLayers,
  listTree,
  measureWaste,
  readFile,
  statPath,
} from './layers.js';
export { openApiDocument } from './openapi.js';
export { pageOf, pageQuery } from './page.js';
export { type Problem, problem, problemType } from './problem.js';
export { cancelPull, credential, failure, followPull, getPull, listPulls, startPull } from './pulls.js';
export {
  changeRegistry,
  createRegistry,
  deleteRegistry,
  getRegistry,
  listRegistries,
  testRegistry,
} from './registries.js';
export {
  createSchedule,
  getSchedule,
  listScheduleRuns,
  listSchedules,
  removeSchedule,
  replaceSchedule,
  runSchedule,
} from './schedules.js';
export { searchImages } from './search.js';
export { collectNow, getDiskUsage, getSystem } from './system.js';
export { listTagMoves, listTags } from './tags.js';
export { createToken, deleteToken, listTokens } from './tokens.js';
export { digest, platform, time } from './values.js';
