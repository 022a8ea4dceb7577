export { admitBlobs, settleFetches, storeBytes } from './admit.js';
export { AnalysisWishes } from './analysis-wishes.js';
export {
  BacklogFullError,
  BatchEndedError,
  BatchNotFoundError,
  cancelBatch,
  createBatch,
  getBatch,
  pauseBatch,
  resumeBatch,
  retryBatch,
  setBatchPriority,
} from './batches.js';
export {
  type Collection,
  collectOnce,
  deleteTombstones,
  expireLeftovers,
  type ReviewRound,
  reviewBlobs,
} from './collect.js';
export {
  type ContainerDocuments,
  type ContainerRequest,
  changeContainerName,
  containerEvent,
  createContainer,
  removeContainers,
} from './containers.js';
export { type ContentContext, keepUploadMs, pullLeaseMs, pullOwner } from './context.js';
export { type CreatedImage, type CreateImageOptions, createImage, type NewImage } from './create-image.js';
export { InvalidCronError } from './cron.js';
export { describeManifests, imageConfigOf, type PublishedManifest } from './describe-image.js';
export { fetchCancelTopic, interactivePatienceMs } from './end-pull.js';
export {
  type BlobFacts,
  BlobGoneError,
  BlobMismatchError,
  FetchLostError,
  InvalidImageError,
  LayerNotIndexedError,
  PullEndedError,
  UploadLostError,
} from './errors.js';
export {
  claimFetch,
  dropFetchWaiters,
  type FetchClaim,
  type FetchSource,
  failFetch,
  fetchLeaseMs,
  fetchSources,
  noteFetch,
  openFetchIngest,
  parkFetch,
  releaseFetch,
  reportFetch,
} from './fetching.js';
export { finishFetch } from './finish-fetch.js';
export { type Ingest, type IngestOptions, openIngest, type StoredObject } from './ingest.js';
export { type LayerIndexIngest, openLayerIndex, openLayerIndexIngest } from './layer-index.js';
export { leaseBlobs, releaseLeases, renewLeases } from './leasing.js';
export { hasEnded, lookAtPull } from './look-at-pull.js';
export { InvalidRuleError } from './mirror-rule.js';
export {
  endPlanning,
  findManifestBytes,
  freeBelow,
  type PlanningRound,
  type ResolvedItem,
  savePlanningRound,
  takeQueuedItems,
} from './planning.js';
export { type PruneReport, PruneRunningError, pruneImages } from './prune-images.js';
export {
  type PublishedImage,
  type PublishedName,
  type PublishOptions,
  type PublishResult,
  publishImages,
} from './publish.js';
export { type PullPublication, publishPull } from './publish-pull.js';
export { type DockerMessage, errorMessage, PullMessages, statusMessage } from './pull-messages.js';
export { failureText, viewOf } from './pull-view.js';
export { PullWatch } from './pull-watch.js';
export {
  cancelPull,
  failPull,
  getPull,
  leavePull,
  type NewPull,
  notePull,
  type PullPlan,
  parkPull,
  renewWatcher,
  savePlan,
  startPull,
  watcherTtlMs,
} from './pulling.js';
export { blobPieces, openBlob, readBlob } from './read-blob.js';
export { announceArchive, ReceptionError, receivePiece } from './receive-archive.js';
export { type Discrepancies, reconcile } from './reconcile.js';
export { type NewTag, type RemoveOptions, removeImage, removeImages, tagImage } from './release.js';
export { ImageConflictError, type ReleaseLine, type ReleaseReport } from './release-plan.js';
export {
  beginDueRuns,
  changeSchedule,
  createSchedule,
  failRun,
  getSchedule,
  type ListedRepository,
  parkRun,
  RunEndedError,
  removeSchedule,
  runNow,
  ScheduleBusyError,
  ScheduleExistsError,
  ScheduleNotFoundError,
  type ScheduleRequest,
  ScheduleTooLargeError,
  startRun,
} from './schedules.js';
export { createSecretBox, type SecretBox, SecretBoxError } from './secret-box.js';
export { storeSeekPoints } from './seek-points.js';
export { startBatchItems, workerSilentMs } from './starting.js';
export { type StoredLayer, type StoreLayerOptions, storeLayer } from './store-layer.js';
export { type DueWork, findDueWork, tendPulls } from './sweep.js';
export {
  openUpstreams,
  type Upstream,
  type UpstreamEntry,
  type Upstreams,
  type UpstreamsOptions,
} from './upstreams.js';
