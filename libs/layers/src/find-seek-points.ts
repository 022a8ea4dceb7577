import type { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { Z_BLOCK, Z_OK, Z_STREAM_END, ZStream, zlibInflate, zlibInflateInit2, zlibInflateReset } from 'pako';
import { compressionMagicBytes, sniffCompression } from './compression.js';
import { CorruptStreamError } from './errors.js';
import { SeekPointWriter, windowBytes } from './seek-points.js';
import { ZstdDecompressor } from './zstd.js';

/** How far apart points are: whatever comes first of the two. */
export interface SeekSpacing {
  packedBytes: number;
  plainBytes: number;
}

/** Some 2 MB to unpack on the way to a file, and no more points than are kept of a layer of this size. */
export function seekSpacing(sizeBytes: number): SeekSpacing {
  return { packedBytes: Math.max(1024 * 1024, Math.ceil(sizeBytes / 512)), plainBytes: 16 * 1024 * 1024 };
}

/**
 * Reads a stored layer to its end and finds where unpacking can begin; null when it can nowhere, as in a plain layer or
 * one zstd frame. zlib as Node has it does not tell where blocks begin, so that gzip is read by pako, at a third of the
 * speed. The caller ends the source.
 *
 * @throws {CorruptStreamError}
 */
export async function findSeekPoints(source: Readable, spacing: SeekSpacing): Promise<Buffer | null> {
  const chunks = source as AsyncIterable<Buffer>;
  const writer = new SeekPointWriter();
  let finder: Finder | null = null;
  let head = Buffer.alloc(0);
  for await (const chunk of chunks) {
    if (finder !== null) {
      await finder.read(chunk);
    } else {
      head = Buffer.concat([head, chunk]);
      if (head.length < compressionMagicBytes) continue;
      finder = finderOf(sniffCompression(head), writer, spacing);
      if (finder === null) return null;
      await finder.read(head);
    }
    if (writer.isFull) break;
  }
  await finder?.end();
  return writer.end();
}

interface Finder {
  read(chunk: Buffer): Promise<void>;
  end(): Promise<void>;
}

function finderOf(compression: string, writer: SeekPointWriter, spacing: SeekSpacing): Finder | null {
  if (compression === 'gzip') return new GzipFinder(writer, spacing);
  return compression === 'zstd' ? new ZstdFinder(writer, spacing) : null;
}

const outputBytes = 256 * 1024;
const gzipWrapper = 31;
const isBorder = 128;
const isLastBlock = 64;
const unusedBits = 7;

class GzipFinder implements Finder {
  readonly #stream = new ZStream();
  /** What was unpacked last: a window that was kept, then what follows. */
  readonly #output = new Uint8Array(windowBytes + outputBytes);
  #firstByte = windowBytes;
  #packedBytes = 0;
  #plainBytes = 0;
  #last = { packedBytes: 0, plainBytes: 0 };
  #members = 0;
  #ended = false;

  constructor(
    private readonly writer: SeekPointWriter,
    private readonly spacing: SeekSpacing,
  ) {
    this.#check(zlibInflateInit2(this.#stream, gzipWrapper));
    this.#stream.output = this.#output;
    this.#stream.next_out = windowBytes;
    this.#stream.avail_out = outputBytes;
  }

  async read(chunk: Buffer): Promise<void> {
    const stream = this.#stream;
    stream.input = chunk;
    stream.next_in = 0;
    stream.avail_in = chunk.length;
    // A full output may have more to come of what was taken in.
    for (let wasFull = false; !this.#ended && (stream.avail_in > 0 || wasFull); ) {
      const [packed, plain] = [stream.avail_in, stream.avail_out];
      const status = zlibInflate(stream, Z_BLOCK);
      this.#packedBytes += packed - stream.avail_in;
      this.#plainBytes += plain - stream.avail_out;
      // What follows the last member is no concern of ours: readers pass over it as well.
      if (status < 0 && this.#members > 0 && stream.total_out === 0) this.#ended = true;
      else if (status === Z_STREAM_END) this.#nextMember();
      else if (status !== Z_OK && !(wasFull && packed === 0)) this.#check(status);
      if ((stream.data_type & isBorder) !== 0 && (stream.data_type & isLastBlock) === 0) this.#atBorder();
      wasFull = stream.avail_out === 0;
      if (wasFull) this.#makeRoom();
    }
    // Pieces of a stream come at once; others want the thread as well.
    await setImmediate();
  }

  async end(): Promise<void> {
    if (this.#ended || this.writer.isFull || (this.#members > 0 && this.#stream.total_in === 0)) return;
    throw new CorruptStreamError('gzip', 'unexpected end of file');
  }

  #nextMember(): void {
    this.#members += 1;
    this.#check(zlibInflateReset(this.#stream));
    this.#firstByte = this.#stream.next_out;
  }

  #atBorder(): void {
    const { packedBytes, plainBytes } = this.#last;
    const isNear = this.#packedBytes - packedBytes < this.spacing.packedBytes;
    if (isNear && this.#plainBytes - plainBytes < this.spacing.plainBytes) return;
    this.#last = { packedBytes: this.#packedBytes, plainBytes: this.#plainBytes };
    const end = this.#stream.next_out;
    const from = Math.max(this.#firstByte, end - windowBytes);
    const bits = this.#stream.data_type & unusedBits;
    this.writer.addBlock({ ...this.#last, bits }, Buffer.from(this.#output.subarray(from, end)));
  }

  #makeRoom(): void {
    this.#output.copyWithin(0, outputBytes);
    this.#firstByte = Math.max(0, this.#firstByte - outputBytes);
    this.#stream.next_out = windowBytes;
    this.#stream.avail_out = outputBytes;
  }

  #check(status: number): void {
    if (status !== Z_OK) throw new CorruptStreamError('gzip', this.#stream.msg || `status ${status}`);
  }
}

class ZstdFinder implements Finder {
  readonly #stream: ZstdDecompressor;
  readonly #drained: Promise<void>;

  constructor(writer: SeekPointWriter, spacing: SeekSpacing) {
    let last = { packedBytes: 0, plainBytes: 0 };
    this.#stream = new ZstdDecompressor((packedBytes, plainBytes) => {
      const isNear = packedBytes - last.packedBytes < spacing.packedBytes;
      if (isNear && plainBytes - last.plainBytes < spacing.plainBytes) return;
      last = { packedBytes, plainBytes };
      writer.addFrame(last);
    });
    this.#drained = drain(this.#stream);
    this.#drained.catch(() => {});
  }

  async read(chunk: Buffer): Promise<void> {
    const written = new Promise<void>((resolve, reject) => {
      this.#stream.write(chunk, (error) => (error ? reject(error) : resolve()));
    });
    await Promise.race([written, this.#drained]);
  }

  async end(): Promise<void> {
    this.#stream.end();
    await this.#drained;
  }
}

async function drain(stream: ZstdDecompressor): Promise<void> {
  for await (const _ of stream);
}
