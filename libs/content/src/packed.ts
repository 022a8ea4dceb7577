// Bytes → gzip. zlib packs in its own threads; headers, levels and where they change depend on the bytes alone and not on
// the pieces they come in, so that equal tars become equal blobs.
import { constants, createGzip, type Gzip } from 'node:zlib';

const { Z_BEST_SPEED, Z_NO_COMPRESSION } = constants;

const blockBytes = 256 * 1024;
const sampleBytes = 4096;
/** Of a sample as large as ours, random bytes have some 7.95 bits each, programs and texts at most 7. */
const denseBits = 7.8;

type Block = IteratorResult<Buffer, void>;

/**
 * A gzip stream of the source. What is packed already is not packed again: trying costs ten times as much as storing. Each
 * run of blocks of one kind is a member of its own, since zlib does not always change its level within one.
 */
export async function* packed(source: AsyncIterable<Buffer>, signal?: AbortSignal): AsyncGenerator<Buffer> {
  const blocks = blocksOf(source);
  try {
    let block: Block = await blocks.next();
    do {
      const level = levelOf(block);
      const gzip = createGzip({ level, chunkSize: 128 * 1024 });
      const fed = feedRun(block, blocks, gzip, { level, signal });
      fed.catch((error: Error) => gzip.destroy(error));
      try {
        yield* gzip as AsyncIterable<Buffer>;
        block = await fed;
      } finally {
        gzip.destroy();
      }
    } while (!block.done);
  } finally {
    // Not waited for: a source that stands still must not keep whoever has given up.
    blocks.return().catch(() => {});
  }
}

/** Returns the block with which the next run begins. */
async function feedRun(
  first: Block,
  blocks: AsyncGenerator<Buffer, void>,
  gzip: Gzip,
  { level, signal }: { level: number; signal?: AbortSignal },
): Promise<Block> {
  let block = first;
  while (!block.done && levelOf(block) === level) {
    signal?.throwIfAborted();
    await write(gzip, block.value);
    block = await blocks.next();
  }
  gzip.end();
  return block;
}

const levelOf = (block: Block): number => (!block.done && isDense(block.value) ? Z_NO_COMPRESSION : Z_BEST_SPEED);

/** The same bytes in blocks of one size, but for the last; each is good until the next one is asked for. */
async function* blocksOf(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  const block = Buffer.allocUnsafeSlow(blockBytes);
  let bytes = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; ) {
      const copied = chunk.copy(block, bytes, at);
      bytes += copied;
      at += copied;
      if (bytes < blockBytes) continue;
      yield block;
      bytes = 0;
    }
  }
  if (bytes > 0) yield block.subarray(0, bytes);
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

function write(gzip: Gzip, block: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    gzip.write(block, (error) => (error ? reject(error) : resolve()));
  });
}
