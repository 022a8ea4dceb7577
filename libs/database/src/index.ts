export {
  countRunningFetches,
  filterUnanalysedLayers,
  findLayerByDiffId,
  findUnanalysedLayer,
  type KnownLayer,
  type LayerFindings,
  listUnanalysedLayers,
  markBrokenImages,
  saveLayerFailure,
  saveLayerFindings,
  type UnanalysedLayer,
} from './analysis.js';
export {
  type ArchiveTarget,
  findDigestTarget,
  findImageTarget,
  findManifestPlatform,
  type ImagePlatform,
  listManifestTree,
  listTagTargets,
  type ManifestDocument,
} from './archive-facts.js';
export {
  type ArchiveRow,
  type ArchiveState,
  archiveOwner,
  deleteArchive,
  expireArchives,
  failArchive,
  findArchive,
  finishLoad,
  insertArchive,
  keepArchive,
  listArchives,
  listQueuedArchives,
  type NewArchive,
  reportLoad,
  saveArchivePlan,
  type TakenLoad,
  takeLoad,
} from './archives.js';
export { type ArtifactRow, listArtifacts } from './artifacts.js';
export {
  type BacklogBatch,
  type BacklogItem,
  countSlots,
  countStarted,
  countStartedBytes,
  deleteWorker,
  findUncheckedBatches,
  keepWorker,
  listBacklog,
  saveVirtualTimes,
  tryLockBacklog,
} from './backlog.js';
export {
  type BatchItemRow,
  batchBytes,
  delayItems,
  failItems,
  type ItemState,
  listAbandonedPulls,
  listBatchItems,
  listQueuedItems,
  listRunningPulls,
  nextQueuedItem,
  type PlannedItem,
  type QueuedItem,
  retryItems,
  saveItemPlans,
  setItemPriority,
  startItems,
  stopItems,
} from './batch-items.js';
export {
  expirePlannedManifests,
  findKnownManifests,
  keepManifests,
  noteSpeed,
  promisedBytes,
  storedBytes,
  sumBatchPlan,
} from './batch-plans.js';
export {
  type BatchFilter,
  type BatchPlan,
  type BatchPriority,
  type BatchRow,
  type BatchState,
  batchPriorities,
  claimPlanning,
  countUnfinishedItems,
  deleteDryRun,
  deleteFinishedBatches,
  findBatch,
  finishBatches,
  type HostPlan,
  type ItemCounts,
  insertBatch,
  listBatches,
  listUnplannedBatches,
  lockBatch,
  type NewBatch,
  type NewBatchItem,
  releasePlanning,
  updateBatch,
} from './batches.js';
export {
  type ClaimedFetch,
  claimFetches,
  deleteFetches,
  deleteIdleFetches,
  deleteOwnFetches,
  type FetchKey,
  type FetchReport,
  listDueFetches,
  listImpatientPulls,
  listUnwantedFetches,
  lockFetchesOf,
  queueFetches,
  reportFetch,
  requeueFetch,
  saveFetchUpload,
  type TakenFetch,
} from './blob-fetches.js';
export {
  type Admission,
  admitObjects,
  type BlobRow,
  buryBlobs,
  findBlobs,
  holdBlobs,
  lockUnheldBlobs,
  unadmitObjects,
} from './blobs.js';
export { type CachedStep, listCachedSteps } from './build-cache.js';
export {
  type ContainerEntryKind,
  type ContainerEntryRow,
  changeContainerEntries,
  markPrepared,
  pageContainerEntries,
  readInlineContents,
} from './container-entries.js';
export {
  AmbiguousContainerError,
  type ContainerFilter,
  type ContainerLayer,
  ContainerNameTakenError,
  ContainerNotFoundError,
  type ContainerRow,
  countContainers,
  deleteContainers,
  getContainer,
  insertContainer,
  listContainerLayers,
  listContainers,
  listImagesAndDescendants,
  lockContainer,
  measureContainerBases,
  type NewContainer,
  renameContainer,
} from './containers.js';
export { finishCurrentPull, type ResolvedPull } from './current-pulls.js';
export { type Database, type DatabaseOptions, openDatabase } from './database.js';
export { type DiskUsage, measureCollectable, measureDiskUsage, measureSharedBytes } from './disk-usage.js';
export { type EconomicsKey, listStoredBytes, measureUsedBytes, type StoredBytes } from './economics.js';
export { type EmbeddedPostgres, type EmbeddedPostgresOptions, startEmbeddedPostgres } from './embedded-postgres.js';
export { EmbeddedPostgresError } from './embedded-postgres-error.js';
export { currentSnapshot, type EventPlace, emptySnapshot, isSnapshot, readEvents } from './event-windows.js';
export {
  deleteOldEvents,
  dockerEventTypes,
  type EventChange,
  type EventFilter,
  type EventRow,
  insertEvents,
  listEvents,
  type NewEvent,
  pageEvents,
} from './events.js';
export {
  countUnlistedLayers,
  type Findings,
  findImagesByBase,
  findImagesByChain,
  findImagesByContent,
  findImagesByLabel,
  findImagesByLayer,
  findImagesByPackage,
  findImagesByPath,
  listImageNames,
  listPackageVersions,
} from './find-images.js';
export { answerKey, deleteOldKeys, dropKey, type KeyedRequest, takeKey, type UsedKey } from './idempotency-keys.js';
export {
  findCreationTime,
  findImageDetail,
  type ImageAncestor,
  type ImageDetail,
  type ImageLayer,
  listAncestry,
  listImageLayers,
} from './image-detail.js';
export {
  type ImageListFilter,
  type ImagePage,
  type ImageSummary,
  type LabelFilter,
  listImages,
  type PagedImage,
  pageImages,
} from './image-list.js';
export { listManifestSummaries, type ManifestSummary } from './image-manifests.js';
export {
  type FoundImage,
  findImage,
  findShownManifest,
  getImage,
  ImageNotFoundError,
  type ImageVariant,
  listVariants,
  PlatformNotFoundError,
} from './image-names.js';
export { listPrunable, type PruneFilter, tryLockPrune } from './image-prune.js';
export { deleteImages, deleteReferences, holdImage, lockImages, showVariant } from './image-release.js';
export { findLatestManifest, type LayerFacts, listLayerFacts } from './layer-facts.js';
export {
  beginLayerListing,
  finishLayerListing,
  keepFoundPackages,
  type LayerFileRow,
  type LayerPackageRow,
  listUnlistedLayers,
  putLayerFiles,
} from './layer-files.js';
export {
  type LayerState,
  layerAnalysedTopic,
  listLayerIndex,
  listWantedLayers,
  putLayerIndex,
  wantLayers,
} from './layer-indexes.js';
export {
  expireLeases,
  expireLeasesOf,
  leaseBlobs,
  leaseForOwners,
  releaseLeases,
  renewLeases,
  renewPullLeases,
} from './leases.js';
export {
  findManifests,
  type ImageRow,
  type ManifestBlobRow,
  type ManifestChildRow,
  type ManifestGraph,
  type ManifestKind,
  type ManifestRow,
  putManifests,
} from './manifests.js';
export { DatabaseNewerError, listPending, MigrationError, migrate } from './migrate.js';
export { exactPath, type PathPattern, parsePathGlob } from './path-pattern.js';
export { type ListedPull, listPulls } from './pull-list.js';
export {
  type FetchWaiter,
  insertPlan,
  listFetchWaiters,
  listMissingBlobs,
  listPlannedBlobs,
  listPlannedManifests,
  listStalledPulls,
  type PlannedBlob,
  type PlannedManifest,
} from './pull-plans.js';
export { addPullEvents, type PullEvent, type PullLayer, type PullProgress, pullProgress } from './pull-progress.js';
export { countWatchers, deleteWatcher, insertWatcher, listUnwatchedPulls, renewWatcher } from './pull-watchers.js';
export {
  advancePulls,
  delayPull,
  deleteFinishedPulls,
  findPull,
  finishPulls,
  type GrantedWish,
  insertPulls,
  joinPulls,
  leaseForWaitingPulls,
  leaveToWatchers,
  listDuePulls,
  lockPull,
  lockPulls,
  type PullFailure,
  type PullKind,
  type PullOutcome,
  type PullRow,
  type PullState,
  type PullTerms,
  type PullWish,
  sendPullBack,
} from './pulls.js';
export {
  endReception,
  insertReception,
  keepReception,
  type Reception,
  type ReceptionRefusal,
  takeReception,
} from './receptions.js';
export { InvalidPatternError, parseReferencePattern, type ReferencePattern } from './reference-filter.js';
export {
  deleteRegistry,
  insertRegistry,
  listRegistries,
  lockRegistry,
  type RegistryKind,
  type RegistryRow,
  registryTopic,
  updateRegistry,
} from './registries.js';
export {
  keepConnection,
  type LimitedRegistry,
  limitRegistry,
  listLimitedRegistries,
  type RegistryQuota,
  registryLimitTopic,
  releaseConnection,
  saveQuota,
  spendQuota,
  takeBudget,
  takeConnection,
} from './registry-limits.js';
export {
  type ImageReference,
  listImagesAndAncestors,
  listReleaseFacts,
  measureReleased,
  type ReleaseFacts,
} from './release-facts.js';
export { putRepositories } from './repositories.js';
export { type RepositorySearch, type RepositorySummary, searchRepositories } from './repository-search.js';
export {
  type BlobUse,
  dropReviews,
  listBlobUses,
  pickDueReviews,
  postponeReviews,
  retryReviews,
} from './reviews.js';
export { countUnfinishedPulls, countWaitingItems, hasYoungPulls } from './scheduler-facts.js';
export {
  beginRun,
  delayRun,
  deleteSchedule,
  endRun,
  findRun,
  findSchedule,
  insertRun,
  insertSchedule,
  listDueRuns,
  listDueSchedules,
  listLocalTags,
  listRuns,
  listSchedules,
  type MirrorRule,
  type NewSchedule,
  noteScheduleTags,
  type ScheduleRow,
  type ScheduleRunRow,
  updateSchedule,
} from './schedules.js';
export {
  findLayerPlace,
  findUnsoughtLayer,
  type LayerPlace,
  listUnsoughtLayers,
  putSeekPoints,
  type UnsoughtLayer,
  wantSeekPoints,
} from './seek-points.js';
export { notify, type Signals, type WaitOptions, type Watch } from './signals.js';
export { findKnownKeys, listBlobsByKey } from './storage-keys.js';
export { type ListedTag, listTagMoves, listTags, type TagMove } from './tag-list.js';
export { type MovedTag, putRepositoryManifests, putTags, type TagTarget } from './tags.js';
export {
  deleteToken,
  insertToken,
  listTokens,
  type TokenRole,
  type TokenRow,
  useToken,
  useTokenNamed,
} from './tokens.js';
export {
  deleteTombstones,
  insertTombstone,
  retryTombstones,
  type Tombstone,
  takeDueTombstones,
} from './tombstones.js';
export { sqlState, type Tx } from './transaction.js';
export {
  condemnUpload,
  deleteUpload,
  expireUploads,
  insertFetchUpload,
  insertUpload,
  keepUpload,
  takeOverUpload,
  type UploadProgress,
} from './uploads.js';
