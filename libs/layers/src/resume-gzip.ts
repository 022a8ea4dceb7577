/**
 * Goes on with a gzip stream from the border of two deflate blocks (RFC 1951), which mostly lies inside of a byte. zlib
 * as Node has it begins at a whole byte only, so blocks that hold nothing are put before: as many bits as are missing.
 */
import type { Readable } from 'node:stream';
import { createGunzip, createInflateRaw } from 'node:zlib';
import { compressionMagicBytes, sniffCompression } from './compression.js';
import { peek } from './decompress.js';

/** Where unpacking can begin. */
export interface SeekPoint {
  /** The first whole byte after the border, counted in the stored stream. */
  packedBytes: number;
  /** How many bits, the high ones, of the byte before that follow the border: 0 to 7. */
  bits: number;
  /** What has been unpacked up to here. */
  plainBytes: number;
}

/** A gzip stream that can be opened anywhere. */
export interface PackedStream {
  sizeBytes: number;
  open(fromByte: number): Promise<Readable>;
}

const chunkSize = 256 * 1024;
/** Checksum and length at the end of a member. */
const trailerBytes = 8;

/**
 * The plain bytes from a point on, to the end of all members. `window` is the plain text before it, up to 32 KiB. The
 * checksum of the member that was entered cannot be checked.
 */
export async function* resumeGzip(packed: PackedStream, point: SeekPoint, window: Buffer): AsyncGenerator<Buffer> {
  const from = point.packedBytes - (point.bits > 0 ? 1 : 0);
  const start = emptyBlocks(8 - point.bits);
  const inflate = createInflateRaw({ chunkSize, ...(window.length > 0 && { dictionary: window }) });
  const source = await packed.open(from);
  source.once('error', (error) => inflate.destroy(error));
  try {
    if (start !== null) {
      await peek(source, 1);
      inflate.write(start.whole);
      inflate.write(joined(source.read(1), start, point.bits));
    }
    source.pipe(inflate);
    yield* inflate as AsyncIterable<Buffer>;
    const next = from + inflate.bytesWritten - (start?.whole.length ?? 0) + trailerBytes;
    if (next < packed.sizeBytes) yield* unpackedMembers(packed, next);
  } finally {
    source.destroy();
    inflate.destroy();
  }
}

async function* unpackedMembers(packed: PackedStream, fromByte: number): AsyncGenerator<Buffer> {
  const source = await packed.open(fromByte);
  const gunzip = createGunzip({ chunkSize });
  source.once('error', (error) => gunzip.destroy(error));
  try {
    // What is no member is passed over, as everywhere behind the last one.
    if (sniffCompression(await peek(source, compressionMagicBytes)) !== 'gzip') return;
    source.pipe(gunzip);
    yield* gunzip as AsyncIterable<Buffer>;
  } finally {
    source.destroy();
    gunzip.destroy();
  }
}

interface EmptyBlocks {
  whole: Buffer;
  /** The low bits of the byte that the border is in. */
  rest: number;
}

/** The byte of the border, its low bits replaced by the last ones of empty blocks. */
function joined(byte: Buffer | null, { rest }: EmptyBlocks, bits: number): Buffer {
  const high = ((byte?.[0] ?? 0) >> (8 - bits)) << (8 - bits);
  return Buffer.from([high | rest]);
}

/** Blocks without content that end `bits` into a byte; null when the border is that of a byte. */
function emptyBlocks(bits: number): EmptyBlocks | null {
  if (bits === 8) return null;
  const blocks = bits % 2 === 0 ? [] : [emptyDynamicBlock];
  let total = blocks.length * emptyDynamicBlock.length;
  while (total % 8 !== bits) {
    blocks.push(emptyFixedBlock);
    total += emptyFixedBlock.length;
  }
  const text = blocks.join('');
  const bytes = text.match(/.{1,8}/g) ?? [];
  const values = bytes.map((byte) => Number.parseInt([...byte].reverse().join(''), 2));
  return { whole: Buffer.from(values.slice(0, -1)), rest: values.at(-1) ?? 0 };
}

/** In the order of the stream: not the last block, fixed codes, end of block. Ten bits. */
const emptyFixedBlock = '0' + '10' + '0000000';

/**
 * Not the last block, own codes, end of block. 91 bits, an odd number: 257 codes for literals of which the last two have
 * one bit, and one for distances; lengths are told by the code for 1 and that for long runs of zeros.
 */
const emptyDynamicBlock = [
  '0' + '01',
  // HLIT 0, HDIST 0, HCLEN 14: the lengths of 18 codes follow, 16 17 18 0 8 7 9 6 10 5 11 4 12 3 13 2 14 1.
  '00000' + '00000' + '0111',
  ...Array.from({ length: 18 }, (_, at) => (at === 2 || at === 17 ? '100' : '000')),
  // 138 and 117 zeros; then one bit each for 255, for the end of the block, and for the distance.
  '1' + '1111111',
  '1' + '0101011',
  '0' + '0' + '0',
  // The end of the block is the second of two codes.
  '1',
].join('');
