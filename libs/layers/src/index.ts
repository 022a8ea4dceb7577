export { type Compression, compressionMagicBytes, sniffCompression } from './compression.js';
export { asCorruptStream, createDecompressor, type Decompressed, decompressed } from './decompress.js';
export { cleanEntryName, isRootName } from './entry-name.js';
export {
  CorruptStreamError,
  InvalidLayerError,
  InvalidTarError,
  LayerTooLargeError,
  UnsafePathError,
  UnsupportedCompressionError,
} from './errors.js';
export { defaultTarLimits, type LayerLimits, type Meter, type TarLimits, withinLimits } from './limits.js';
export { type LayerEntry, type LayerSummary, summarizeLayer } from './summarize-layer.js';
export type { TarBody } from './tar-body.js';
export { logicalSizeBytes, type TarEntry, type TarEntryType } from './tar-entry.js';
export { TarReader } from './tar-reader.js';
export { opaqueName, parseWhiteout, type Whiteout, whiteoutName } from './whiteout.js';
