/**
 * A zstd stream is cut at its frame and block borders before it is decoded (RFC 8878, section 3.1), because decoders
 * differ: node:zlib stops silently after a frame that ends inside a write (nodejs/node#64741), the Node 20 binding
 * decodes a whole write at once, however much it grows, and never says that the last frame is incomplete.
 */
import { CorruptStreamError, LayerTooLargeError } from './errors.js';

/** Windows above this are refused: a decoder must hold one window in memory. */
const maxZstdWindowBytes = 128 * 1024 * 1024;

const maxBlockBytes = 128 * 1024;
const maxBlocksPerPiece = 4;
/** What one piece can grow to, whatever it holds. */
export const maxPieceOutputBytes = (maxBlocksPerPiece + 1) * maxBlockBytes;
const frameMagic = 0xfd2fb528;
const skippableMagic = 0x184d2a50;
/** Passed on only when all four bytes are here: the same place may hold the magic of a skippable frame. */
const frameMagicBytes = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);

type Part = 'magic' | 'skip-size' | 'skip' | 'descriptor' | 'header' | 'block' | 'body' | 'checksum';

/** Finds the borders. Pieces of one frame never hold more than `maxBlocksPerPiece` blocks, so that a decoder's output stays small. */
export class ZstdFrames {
  #part: Part = 'magic';
  #wantedBytes = 4;
  #field = Buffer.alloc(16);
  #filledBytes = 0;
  #descriptor = 0;
  #lastBlock = false;
  /** Bytes of earlier chunks. */
  #passedBytes = 0;

  constructor(private readonly onFrame?: (packedBytes: number) => void) {}

  /** Cuts one chunk into pieces for the decoder; skippable frames are left out. */
  *split(chunk: Buffer): Generator<Buffer> {
    let start = 0;
    let at = 0;
    let blocks = 0;
    while (at < chunk.length) {
      const part = this.#part;
      at += this.#take(chunk, at);
      if (this.#wantedBytes > 0) break;
      this.#next(part);
      if (part === 'body') blocks += 1;
      if (part === 'magic') {
        if (this.#part === 'descriptor') {
          this.onFrame?.(this.#passedBytes + at - frameMagicBytes.length);
          yield frameMagicBytes;
        }
        start = at;
      } else if (this.#part === 'magic' || blocks === maxBlocksPerPiece) {
        if (isDecoded(part)) yield chunk.subarray(start, at);
        start = at;
        blocks = 0;
      }
    }
    this.#passedBytes += chunk.length;
    if (start < at && isDecoded(this.#part)) yield chunk.subarray(start, at);
  }

  /** Throws when the stream must not end here. */
  end(): void {
    if (this.#part !== 'magic' || this.#filledBytes > 0) throw corrupt('unexpected end of file');
  }

  /** Consumes bytes of the current part; only fields with a meaning are kept. */
  #take(chunk: Buffer, at: number): number {
    const taken = Math.min(this.#wantedBytes, chunk.length - at);
    if (this.#part !== 'body' && this.#part !== 'skip') {
      chunk.copy(this.#field, this.#filledBytes, at, at + taken);
      this.#filledBytes += taken;
    }
    this.#wantedBytes -= taken;
    return taken;
  }

  #next(done: Part): void {
    this.#filledBytes = 0;
    switch (done) {
      case 'magic':
        this.#afterMagic(this.#field.readUInt32LE(0));
        break;
      case 'skip-size':
        this.#expect('skip', this.#field.readUInt32LE(0));
        break;
      case 'descriptor':
        this.#afterDescriptor(this.#field.readUInt8(0));
        break;
      case 'header':
        checkWindow(this.#descriptor, this.#field);
        this.#expect('block', 3);
        break;
      case 'block':
        this.#afterBlockHeader(this.#field.readUIntLE(0, 3));
        break;
      case 'body':
        this.#expect(...this.#afterBody());
        break;
      case 'skip':
      case 'checksum':
        this.#expect('magic', 4);
    }
  }

  #expect(part: Part, bytes: number): void {
    this.#part = part;
    this.#wantedBytes = bytes;
    if (bytes === 0) this.#next(part);
  }

  #afterMagic(magic: number): void {
    if (magic === frameMagic) this.#expect('descriptor', 1);
    else if ((magic & 0xfffffff0) >>> 0 === skippableMagic) this.#expect('skip-size', 4);
    else throw corrupt('bytes that are no frame');
  }

  #afterDescriptor(descriptor: number): void {
    if (descriptor & 0x08) throw corrupt('reserved bit in a frame header');
    this.#descriptor = descriptor;
    this.#expect('header', windowBytes(descriptor) + dictionaryBytes(descriptor) + contentSizeBytes(descriptor));
  }

  #afterBlockHeader(header: number): void {
    this.#lastBlock = (header & 1) === 1;
    const kind = (header >> 1) & 3;
    const size = header >> 3;
    if (kind === 3 || size > maxBlockBytes) throw corrupt('invalid block');
    this.#expect('body', kind === 1 ? 1 : size);
  }

  #afterBody(): [Part, number] {
    if (!this.#lastBlock) return ['block', 3];
    return this.#descriptor & 0x04 ? ['checksum', 4] : ['magic', 4];
  }
}

function isDecoded(part: Part): boolean {
  return part !== 'magic' && part !== 'skip-size' && part !== 'skip';
}

function checkWindow(descriptor: number, field: Buffer): void {
  const window = isSingleSegment(descriptor) ? contentSize(descriptor, field) : windowSize(field.readUInt8(0));
  if (window > maxZstdWindowBytes)
    throw new LayerTooLargeError(`zstd window of ${window} bytes is above ${maxZstdWindowBytes}`);
}

function windowSize(byte: number): number {
  const base = 2 ** (10 + (byte >> 3));
  return base + (base / 8) * (byte & 7);
}

function contentSize(descriptor: number, field: Buffer): number {
  const at = dictionaryBytes(descriptor);
  switch (contentSizeBytes(descriptor)) {
    case 1:
      return field.readUInt8(at);
    case 2:
      return field.readUInt16LE(at) + 256;
    case 4:
      return field.readUInt32LE(at);
    default:
      return Number(field.readBigUInt64LE(at));
  }
}

function isSingleSegment(descriptor: number): boolean {
  return (descriptor & 0x20) !== 0;
}

function windowBytes(descriptor: number): number {
  return isSingleSegment(descriptor) ? 0 : 1;
}

function dictionaryBytes(descriptor: number): number {
  return [0, 1, 2, 4][descriptor & 3] ?? 0;
}

function contentSizeBytes(descriptor: number): number {
  const flag = descriptor >> 6;
  return flag === 0 ? (isSingleSegment(descriptor) ? 1 : 0) : 2 ** flag;
}

function corrupt(reason: string): CorruptStreamError {
  return new CorruptStreamError('zstd', reason);
}
