import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { type Digest, parseDigest } from '@entrepot/oci';
import type { Compression } from './compression.js';
import { asCorruptStream, decompressed } from './decompress.js';
import { CorruptStreamError, InvalidLayerError, InvalidTarError, UnsafePathError } from './errors.js';
import { type IndexEntry, indexEntry } from './index-entry.js';
import { type LayerEntry, layerEntry } from './layer-entry.js';
import { defaultTarLimits, type LayerLimits, withinLimits } from './limits.js';
import { expandSparse, isSparse } from './sparse.js';
import { logicalSizeBytes } from './tar-entry.js';
import { TarReader } from './tar-reader.js';

/** What is known about a layer once somebody has read all of it. */
export interface LayerSummary {
  compression: Compression;
  diffId: Digest;
  uncompressedBytes: number;
  /** What the classic Docker store calls the size: regular files (a hard link adds nothing) and lengths of symlink targets. */
  contentBytes: number;
  entryCount: number;
}

/** Who wants to see a layer while it is read. */
export interface LayerListener {
  /** Each entry as written, before its body is read. */
  onEntry?(entry: LayerEntry): void;
  /** Each entry with the hash of its content, once that has been read; the reader waits for it. */
  onIndexed?(entry: IndexEntry): void | Promise<void>;
  /** The content of a file that `wants` said yes to, whole; at most `maxWatchedBytes`, else it is left out. */
  watch?: { wants(entry: LayerEntry): boolean; onContent(entry: LayerEntry, content: Buffer): void };
}

/** Larger files are not kept for a watcher. */
export const maxWatchedBytes = 16 * 1024 * 1024;

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
  listener: LayerListener = {},
): Promise<LayerSummary> {
  try {
    return await summarize(source, { ...defaultTarLimits, ...limits }, listener);
  } catch (error) {
    source.destroy();
    throw explain(error);
  }
}

async function summarize(
  source: Readable,
  limits: typeof defaultTarLimits,
  listener: LayerListener,
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
  for await (const [entry, body] of reader) {
    const safe = layerEntry(entry);
    contentBytes += countedBytes(safe);
    listener.onEntry?.(safe);
    if (listener.onIndexed) await indexOne(safe, body, { limits, listener });
  }
  const diffId = parseDigest(`sha256:${hash.digest('hex')}`);
  return { compression, diffId, uncompressedBytes, contentBytes, entryCount: reader.entryCount };
}

async function indexOne(
  entry: LayerEntry,
  body: AsyncIterable<Buffer>,
  { limits, listener }: { limits: typeof defaultTarLimits; listener: LayerListener },
): Promise<void> {
  const isFile = entry.type === 'file' && entry.whiteout === null;
  const sizeBytes = isFile ? logicalSizeBytes(entry) : 0;
  // Holes cost nothing in a tar: what would only be zeros without end is not hashed.
  const tooHollow = sizeBytes > limits.ratioFromBytes && sizeBytes > entry.sizeBytes * limits.maxRatio;
  const watched = isFile && sizeBytes <= maxWatchedBytes && listener.watch?.wants(entry) === true;
  const sha256 = isFile && !tooHollow ? await hashFile(entry, body, watched ? listener : null) : null;
  const indexed = indexEntry(entry, sha256);
  if (indexed !== null) await listener.onIndexed?.(indexed);
}

async function hashFile(
  entry: LayerEntry,
  body: AsyncIterable<Buffer>,
  listener: LayerListener | null,
): Promise<string> {
  const kept: Buffer[] = [];
  const hash = createHash('sha256');
  for await (const chunk of isSparse(entry) ? expandSparse(entry, body) : body) {
    hash.update(chunk);
    if (listener) kept.push(Buffer.from(chunk));
  }
  listener?.watch?.onContent(entry, Buffer.concat(kept));
  return hash.digest('hex');
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
