const markerBytes = 1024;
const zeros = Buffer.alloc(markerBytes);

/**
 * Watches a tar for its end: two blocks of zeros where the next header would be. What comes after them belongs to the
 * file and to its hash, but is no tar any more.
 */
export class TarEnd {
  /** Where the header after the last known entry must be. */
  #next = 0;
  #zeros = 0;

  get reached(): boolean {
    return this.#zeros === markerBytes;
  }

  /** Some writers leave out the second block, or stop after the last entry's padding without any. */
  get begun(): boolean {
    return this.#zeros > 0;
  }

  /** The reader has met an entry whose body is at `offset`. */
  entry(offset: number, sizeBytes: number): void {
    this.#next = offset + Math.ceil(sizeBytes / 512) * 512;
    this.#zeros = 0;
  }

  /** The reader is done with this chunk, which begins at `offset`: all its entries are known. */
  chunk(chunk: Buffer, offset: number): void {
    const from = this.#next + this.#zeros - offset;
    if (this.reached || from < 0 || from >= chunk.length) return;
    const seen = chunk.subarray(from, from + markerBytes - this.#zeros);
    if (seen.equals(zeros.subarray(0, seen.length))) this.#zeros += seen.length;
    else this.#next = Number.POSITIVE_INFINITY;
  }
}
