export type {
  ArchiveContents,
  LoadedConfig,
  LoadedImage,
  LoadedLayer,
  LoadedManifest,
  ReadArchiveKnowledge,
} from './archive-contents.js';
export type { ArchiveEntry, ArchiveSink, StoredEntry } from './archive-sink.js';
export { subjectOf } from './attach-artifacts.js';
export type { ArchiveLimits } from './collect-entries.js';
export { InvalidArchiveError } from './errors.js';
export { type MeteredEntry, meterEntry } from './meter-entry.js';
export { type ArchiveImage, planArchive, planBlobs, type SavedArtifact } from './plan-archive.js';
export { decodePlan, encodePlan } from './plan-codec.js';
export { type ReadArchiveOptions, readArchive } from './read-archive.js';
export { type ArchivePlan, type Segment, segmentBytes } from './segments.js';
export { type SegmentSlice, sliceSegments } from './slice-segments.js';
export type { StoredManifest } from './stored-manifest.js';
