// Bytes → gzip. zlib packs in its own threads; header, levels and where they change depend on the bytes alone and not on
// the pieces they come in, so that equal tars become equal blobs.
import { constants, createGzip, type Gzip, type ZlibParams } from 'node:zlib';

const { Z_BEST_SPEED, Z_NO_COMPRESSION, Z_DEFAULT_STRATEGY } = constants;

const blockBytes = 256 * 1024;
const sampleBytes = 4096;
/** Of a sample as large as ours, random bytes have some 7.95 bits each, programs and texts at most 7. */
const denseBits = 7.8;

/** A gzip stream of the source. What is packed already is not packed again: trying costs ten times as much as storing. */
export async function* packed(source: AsyncIterable<Buffer>, signal?: AbortSignal): AsyncGenerator<Buffer> {
  const gzip = createGzip({ level: Z_BEST_SPEED, chunkSize: 128 * 1024 }) as Gzip & ZlibParams;
  const fed = feed(source, gzip, signal);
  fed.catch((error: Error) => gzip.destroy(error));
  try {
    yield* gzip as AsyncIterable<Buffer>;
    await fed;
  } finally {
    gzip.destroy();
  }
}

async function feed(source: AsyncIterable<Buffer>, gzip: Gzip & ZlibParams, signal?: AbortSignal): Promise<void> {
  let level: number = Z_BEST_SPEED;
  for await (const block of blocksOf(source)) {
    signal?.throwIfAborted();
    const wanted = isDense(block) ? Z_NO_COMPRESSION : Z_BEST_SPEED;
    if (wanted !== level) await change(gzip, wanted);
    level = wanted;
    await write(gzip, block);
  }
  gzip.end();
}

/** The same bytes in blocks of one size, but for the last. */
async function* blocksOf(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; ) {
      const piece = chunk.subarray(at, at + blockBytes - bytes);
      pieces.push(piece);
      bytes += piece.length;
      at += piece.length;
      if (bytes < blockBytes) continue;
      yield Buffer.concat(pieces);
      pieces = [];
      bytes = 0;
    }
  }
  if (bytes > 0) yield Buffer.concat(pieces);
}

/** Whether the middle of a block looks like random bytes. */
function isDense(block: Buffer): boolean {
  if (block.length < sampleBytes) return false;
  const from = (block.length - sampleBytes) >> 1;
  const counts = new Uint32Array(256);
  for (const byte of block.subarray(from, from + sampleBytes)) counts[byte] = (counts[byte] ?? 0) + 1;
  let bits = 0;
  for (const count of counts) if (count > 0) bits -= (count / sampleBytes) * Math.log2(count / sampleBytes);
  return bits > denseBits;
}

function change(gzip: ZlibParams, level: number): Promise<void> {
  return new Promise((resolve, reject) => {
    gzip.params(level, Z_DEFAULT_STRATEGY, (error?: Error | null) => (error ? reject(error) : resolve()));
  });
}

function write(gzip: Gzip, block: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    gzip.write(block, (error) => (error ? reject(error) : resolve()));
  });
}
