import { finished, type Readable, type Transform } from 'node:stream';
import { types } from 'node:util';
import { createGunzip } from 'node:zlib';
import { type Compression, compressionMagicBytes, sniffCompression } from './compression.js';
import { CorruptStreamError, UnsupportedCompressionError } from './errors.js';
import { ZstdDecompressor } from './zstd.js';

/** The plain bytes of a stream, and how it was packed. */
export interface Decompressed {
  compression: Compression;
  /** The source itself when nothing was packed. */
  stream: Readable;
  /** Packed bytes taken in so far, for the ratio; unknown (0) when nothing was packed. */
  packedBytes(): number;
}

/**
 * Unpacks gzip of any number of members, or zstd of any number of frames. Output waits for the reader, so memory stays
 * at one chunk of gzip or one zstd window (at most 128 MiB) whatever the ratio.
 *
 * @throws {UnsupportedCompressionError} this Node cannot decode zstd
 */
export function createDecompressor(kind: 'gzip' | 'zstd'): Transform & { readonly bytesWritten: number } {
  // The default chunk of 16 KiB makes gunzip half as fast.
  return kind === 'gzip' ? createGunzip({ chunkSize: 256 * 1024 }) : new ZstdDecompressor();
}

/**
 * Lets the first bytes decide and returns the plain stream. A failure of the source reaches that stream; the other way
 * round the source is only left paused, so that a server can still answer the request it was reading. The caller ends
 * the source.
 *
 * @throws {UnsupportedCompressionError} bzip2 and xz
 */
export async function decompressed(source: Readable): Promise<Decompressed> {
  const compression = sniffCompression(await peek(source, compressionMagicBytes));
  if (compression === 'none') return { compression, stream: source, packedBytes: () => 0 };
  if (compression !== 'gzip' && compression !== 'zstd') throw new UnsupportedCompressionError(compression);
  const stream = createDecompressor(compression);
  finished(source, { writable: false }, (error) => {
    if (error) stream.destroy(error);
  });
  source.pipe(stream);
  return { compression, stream, packedBytes: () => stream.bytesWritten };
}

/** Turns the errors of zlib into ours and leaves every other error as it is. */
export function asCorruptStream(error: unknown): unknown {
  if (!types.isNativeError(error) || !('code' in error) || !String(error.code).startsWith('Z_')) return error;
  const reason = error.code === 'Z_BUF_ERROR' ? 'unexpected end of file' : error.message;
  return new CorruptStreamError('gzip', reason, { cause: error });
}

/** Reads at least `bytes` (fewer only at the end) and puts them back. */
export async function peek(source: Readable, bytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let total = 0;
  while (total < bytes && (await isReadable(source))) {
    const chunk: Buffer | null = source.read();
    if (chunk) chunks.push(chunk);
    total += chunk?.length ?? 0;
  }
  const head = Buffer.concat(chunks);
  if (head.length > 0) source.unshift(head);
  return head;
}

/** Waits for bytes or the end; false at the end. */
function isReadable(source: Readable): Promise<boolean> {
  if (source.readableLength > 0) return Promise.resolve(true);
  return new Promise((resolve, reject) => {
    const stopWatching = finished(source, { writable: false }, (error) =>
      settle(() => (error ? reject(error) : resolve(false))),
    );
    const onReadable = () => settle(() => resolve(true));
    const settle = (then: () => void) => {
      stopWatching();
      source.off('readable', onReadable);
      then();
    };
    source.on('readable', onReadable);
  });
}
