import { asCorruptStream } from './decompress.js';
import { type PackedStream, resumeGzip } from './resume-gzip.js';
import { type KeptPoint, maxSeekListBytes, readSeekPoints, unpackWindow } from './seek-points.js';
import { type StoredTar, unpacked } from './stored-tar.js';

/** Reads some of the kept seek points of a layer; fewer bytes only at their end. */
export type ReadKeptBytes = (range: { fromByte: number; toByte: number }) => Promise<Buffer>;

/** A packed tar that can be read from each of its seek points on. The list of them is read when first asked for. */
export class SeekableTar implements StoredTar {
  #points: Promise<KeptPoint[]> | null = null;

  constructor(
    private readonly packed: PackedStream,
    private readonly readKept: ReadKeptBytes,
  ) {}

  async startBefore(plainByte: number): Promise<number> {
    return (await this.#pointBefore(plainByte))?.plainBytes ?? 0;
  }

  async *read(start: number): AsyncGenerator<Buffer> {
    const point = await this.#pointBefore(start);
    try {
      if (point === null) yield* unpacked(await this.packed.open(0));
      else if (point.isFrame) yield* unpacked(await this.packed.open(point.packedBytes));
      else yield* resumeGzip(this.packed, point, unpackWindow(await this.readKept(point.window)));
    } catch (error) {
      throw asCorruptStream(error);
    }
  }

  async #pointBefore(plainByte: number): Promise<KeptPoint | null> {
    this.#points ??= this.readKept({ fromByte: 0, toByte: maxSeekListBytes }).then(readSeekPoints);
    return (await this.#points).findLast(({ plainBytes }) => plainBytes <= plainByte) ?? null;
  }
}
