/**
 * Where unpacking of a stored layer can begin: every few megabytes the border of two deflate blocks, with the 32 KiB of
 * plain text before it, or the beginning of a zstd frame, which needs none. What is kept is a list of fixed size per
 * point, then the windows, each packed by itself, so that one point is found and read alone.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { InvalidIndexError } from './errors.js';
import type { SeekPoint } from './resume-gzip.js';

/** More are not kept, however large a layer is. */
const maxPoints = 1024;
const recordBytes = 32;
export const windowBytes = 32 * 1024;
/** Enough for the list of any layer. */
export const maxSeekListBytes = 8 + maxPoints * recordBytes;

/** A point as it is kept. */
export interface KeptPoint extends SeekPoint {
  /** The beginning of a zstd frame. */
  isFrame: boolean;
  /** Where the packed window is in the kept bytes. */
  window: { fromByte: number; toByte: number };
}

/** Collects points. */
export class SeekPointWriter {
  readonly #points: (SeekPoint & { isFrame: boolean })[] = [];
  readonly #windows: Buffer[] = [];

  get isFull(): boolean {
    return this.#points.length === maxPoints;
  }

  /** A border of blocks, and what was unpacked right before it. */
  addBlock(point: SeekPoint, window: Buffer): void {
    this.#add({ ...point, isFrame: false }, window);
  }

  addFrame(point: Omit<SeekPoint, 'bits'>): void {
    this.#add({ ...point, bits: 0, isFrame: true }, Buffer.alloc(0));
  }

  /** What is to be kept; null when there are no points. */
  end(): Buffer | null {
    if (this.#points.length === 0) return null;
    const list = Buffer.alloc(8 + this.#points.length * recordBytes);
    list.writeUInt32LE(this.#points.length, 0);
    let windowAt = list.length;
    for (const [index, { packedBytes, bits, plainBytes, isFrame }] of this.#points.entries()) {
      const at = 8 + index * recordBytes;
      const { length } = this.#windows[index] as Buffer;
      list.writeDoubleLE(packedBytes, at);
      list.writeDoubleLE(plainBytes, at + 8);
      list.writeUInt32LE(bits, at + 16);
      list.writeUInt32LE(windowAt, at + 20);
      list.writeUInt32LE(length, at + 24);
      list.writeUInt32LE(isFrame ? 1 : 0, at + 28);
      windowAt += length;
    }
    return Buffer.concat([list, ...this.#windows]);
  }

  #add(point: SeekPoint & { isFrame: boolean }, window: Buffer): void {
    if (this.isFull) return;
    this.#points.push(point);
    this.#windows.push(deflateRawSync(window, { level: 6 }));
  }
}

/** The list out of the first `maxSeekListBytes` that were kept, in the order of the layer. @throws {InvalidIndexError} */
export function readSeekPoints(head: Buffer): KeptPoint[] {
  const count = head.length < 8 ? 0 : head.readUInt32LE(0);
  if (count === 0 || head.length < 8 + count * recordBytes) throw new InvalidIndexError('its seek points are cut');
  return Array.from({ length: count }, (_, index) => {
    const at = 8 + index * recordBytes;
    const fromByte = head.readUInt32LE(at + 20);
    return {
      packedBytes: head.readDoubleLE(at),
      plainBytes: head.readDoubleLE(at + 8),
      bits: head.readUInt32LE(at + 16),
      isFrame: head.readUInt32LE(at + 28) === 1,
      window: { fromByte, toByte: fromByte + head.readUInt32LE(at + 24) },
    };
  });
}

/** The window of a point, out of its kept bytes. */
export function unpackWindow(kept: Buffer): Buffer {
  return inflateRawSync(kept, { maxOutputLength: windowBytes });
}
