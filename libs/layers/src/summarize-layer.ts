import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { type Digest, parseDigest } from '@entrepot/oci';
import type { Compression } from './compression.js';
import { asCorruptStream, decompressed } from './decompress.js';
import { cleanEntryName, isRootName } from './entry-name.js';
import { CorruptStreamError, InvalidLayerError, InvalidTarError, UnsafePathError } from './errors.js';
import { defaultTarLimits, type LayerLimits, withinLimits } from './limits.js';
import { logicalSizeBytes, type TarEntry } from './tar-entry.js';
import { TarReader } from './tar-reader.js';
import { parseWhiteout, type Whiteout } from './whiteout.js';

/** What is known about a layer once somebody has read all of it. */
export interface LayerSummary {
  compression: Compression;
  diffId: Digest;
  uncompressedBytes: number;
  /** What the classic Docker store calls the size: regular files (a hard link adds nothing) and lengths of symlink targets. */
  contentBytes: number;
  entryCount: number;
}

/** One entry of a layer with its name made safe; `path` is `''` for the root itself. */
export interface LayerEntry extends TarEntry {
  path: string;
  /** Set when the entry only says that something below is gone. */
  whiteout: Whiteout | null;
}

/**
 * Reads a layer as stored, once, in bounded memory: the diff id covers every byte of the plain stream, also those after
 * the end of the tar. Two entries of one name count twice. On failure the source is destroyed.
 *
 * @throws {InvalidLayerError} no tar, cut, corrupt, or a name that leaves the root; names the entry
 * @throws {LayerTooLargeError} a limit is reached; names the entry
 * @throws {UnsupportedCompressionError} bzip2, xz
 */
export async function summarizeLayer(
  source: Readable,
  limits: LayerLimits = {},
  onEntry?: (entry: LayerEntry) => void,
): Promise<LayerSummary> {
  try {
    return await summarize(source, { ...defaultTarLimits, ...limits }, onEntry);
  } catch (error) {
    source.destroy();
    throw explain(error);
  }
}

async function summarize(
  source: Readable,
  limits: typeof defaultTarLimits,
  onEntry: (entry: LayerEntry) => void = () => undefined,
): Promise<LayerSummary> {
  const { compression, stream, packedBytes } = await decompressed(source);
  const hash = createHash('sha256');
  let uncompressedBytes = 0;
  async function* hashed(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      hash.update(chunk);
      uncompressedBytes += chunk.length;
      yield chunk;
    }
  }
  const meter = { packedBytes, entry: (): string | null => reader.entryName };
  const reader: TarReader = new TarReader(hashed(withinLimits(stream, limits, meter)), limits);
  let contentBytes = 0;
  for await (const [entry] of reader) {
    const layerEntry = safeEntry(entry);
    contentBytes += countedBytes(layerEntry);
    onEntry(layerEntry);
  }
  const diffId = parseDigest(`sha256:${hash.digest('hex')}`);
  return { compression, diffId, uncompressedBytes, contentBytes, entryCount: reader.entryCount };
}

function safeEntry(entry: TarEntry): LayerEntry {
  const path = entry.type === 'directory' && isRootName(entry.name) ? '' : cleanEntryName(entry.name);
  if (entry.type === 'link') cleanEntryName(entry.linkTarget ?? '');
  return { ...entry, path, whiteout: parseWhiteout(path) };
}

function countedBytes(entry: LayerEntry): number {
  if (entry.whiteout) return 0;
  if (entry.type === 'file') return logicalSizeBytes(entry);
  return entry.type === 'symlink' ? Buffer.byteLength(entry.linkTarget ?? '') : 0;
}

function explain(error: unknown): unknown {
  const cause = asCorruptStream(error);
  if (cause instanceof CorruptStreamError) return new InvalidLayerError(cause.message, null, { cause });
  if (cause instanceof UnsafePathError) return new InvalidLayerError(cause.message, null, { cause });
  if (cause instanceof InvalidTarError) {
    const reason = cause.problem === 'cut' ? 'tar ends unexpectedly' : 'invalid tar header';
    return new InvalidLayerError(reason, cause.entry, { cause });
  }
  return cause;
}
