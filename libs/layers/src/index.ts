export { bytesOfText, textOfBytes, wellFormedText } from './byte-text.js';
export { compareTrees, type TreeDifference } from './compare-trees.js';
export { type Compression, compressionMagicBytes, sniffCompression } from './compression.js';
export { asCorruptStream, createDecompressor, type Decompressed, decompressed } from './decompress.js';
export { EntryBudget } from './entry-budget.js';
export { cleanEntryName, isRootName } from './entry-name.js';
export { EntryRecords, type RecordedEntry } from './entry-records.js';
export {
  CorruptStreamError,
  InvalidIndexError,
  InvalidLayerError,
  InvalidTarError,
  LayerTooLargeError,
  SymlinkLoopError,
  UnsafePathError,
  UnsupportedCompressionError,
} from './errors.js';
export { FileTable } from './file-table.js';
export { findSeekPoints, seekSpacing } from './find-seek-points.js';
export { type IndexEntry, type IndexEntryType, indexEntry } from './index-entry.js';
export type { LayerChanges } from './layer-changes.js';
export { type LayerEntry, layerEntry } from './layer-entry.js';
export { LayerIndexWriter, layerIndexVersion, readLayerIndex } from './layer-index.js';
export { defaultTarLimits, type LayerLimits, type Meter, type TarLimits, withinLimits } from './limits.js';
export { type LayerEntries, MergedTree, type TreeEntry } from './merged-tree.js';
export { packTree } from './pack-tree.js';
export { type FoundPackage, PackageFinder } from './packages.js';
export { Pause } from './pause.js';
export { contentTurn, inReadingOrder, type Turn } from './reading-order.js';
export { joinPath, lastPart, parentPath, pathParts } from './resolve-path.js';
export { type ReadKeptBytes, SeekableTar } from './seekable-tar.js';
export { expandSparse, isSparse } from './sparse.js';
export { plainTar, type StoredTar, streamedTar } from './stored-tar.js';
export { type LayerListener, type LayerSummary, summarizeLayer } from './summarize-layer.js';
export type { TarBody } from './tar-body.js';
export { logicalSizeBytes, type TarEntry, type TarEntryType } from './tar-entry.js';
export { readTarFile, type TarFile, TarFileReader } from './tar-file-reader.js';
export { TarReader } from './tar-reader.js';
export { tarEnd, tarPadding, type WritableEntry, writeTarHeader } from './tar-writer.js';
export { measureWaste, type WasteReport } from './waste.js';
export { opaqueName, parseWhiteout, type Whiteout, whiteoutName } from './whiteout.js';
export {
  type MergedFile,
  type NewFile,
  type PathChange,
  WritableTree,
} from './writable-tree.js';
export { ContentSizeError, type LayerItem, opaqueItem, whiteoutItem, writeLayer } from './write-layer.js';
export type { FileAttributes, WrittenContent, WrittenEntry } from './written-entry.js';
