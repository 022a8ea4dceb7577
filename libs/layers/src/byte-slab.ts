// Bytes that are only added to: a million small records as some large buffers instead of a million objects.

const strideBytes = 1024 * 1024;
const firstBytes = 16 * 1024;
const maxBlocks = 4096;

/** Records of bytes, each found again by a number below 2³². */
export class ByteSlab {
  readonly #blocks: Buffer[] = [];
  #freeBytes = 0;
  #usedBytes = 0;

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Copies a record, and tells its address. */
  add(record: Uint8Array): number {
    const sizeBytes = record.length;
    let block = this.#blocks.at(-1);
    if (block === undefined || this.#freeBytes < sizeBytes) block = this.#grow(sizeBytes);
    const at = block.length - this.#freeBytes;
    block.set(record, at);
    this.#freeBytes -= sizeBytes;
    this.#usedBytes += sizeBytes;
    return (this.#blocks.length - 1) * strideBytes + at;
  }

  /** The block a record is in; it begins at `offsetOf(address)`. */
  blockOf(address: number): Buffer {
    return this.#blocks[Math.floor(address / strideBytes)] as Buffer;
  }

  offsetOf(address: number): number {
    return address % strideBytes;
  }

  /** Small trees need no large block, and a record larger than a block has one of its own. */
  #grow(sizeBytes: number): Buffer {
    if (this.#blocks.length === maxBlocks) throw new RangeError('too many records');
    const usualBytes = Math.min(firstBytes * 4 ** this.#blocks.length, strideBytes);
    const block = Buffer.allocUnsafeSlow(Math.max(usualBytes, sizeBytes));
    this.#blocks.push(block);
    this.#freeBytes = block.length;
    return block;
  }
}
