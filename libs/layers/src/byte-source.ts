/** Chunks of a stream, handed out in the pieces that a parser asks for, without copying where possible. */
export class ByteSource {
  readonly #chunks: AsyncIterator<Buffer>;
  #chunk: Buffer = Buffer.alloc(0);
  #at = 0;
  #offset = 0;

  constructor(source: AsyncIterable<Buffer>) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  /** How many bytes have been handed out. */
  get offset(): number {
    return this.#offset;
  }

  /** The next bytes, at most so many; null at the end. Without a promise when some are at hand. */
  take(maxBytes: number): Buffer | null | Promise<Buffer | null> {
    return this.#at < this.#chunk.length ? this.#cut(maxBytes) : this.#takeLater(maxBytes);
  }

  /** Exactly so many bytes, fewer only at the end. */
  async read(bytes: number): Promise<Buffer> {
    const pieces: Buffer[] = [];
    let missing = bytes;
    while (missing > 0) {
      const piece = await this.take(missing);
      if (piece === null) break;
      if (piece.length === bytes) return piece;
      pieces.push(piece);
      missing -= piece.length;
    }
    return Buffer.concat(pieces);
  }

  /** Passes over bytes; false when the source ends before. */
  async skip(bytes: number): Promise<boolean> {
    let missing = bytes;
    while (missing > 0) {
      const piece = this.take(missing);
      const taken = piece instanceof Promise ? await piece : piece;
      if (taken === null) return false;
      missing -= taken.length;
    }
    return true;
  }

  /** Tells the source that nothing more is wanted. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  async #takeLater(maxBytes: number): Promise<Buffer | null> {
    while (this.#at === this.#chunk.length) {
      const next = await this.#chunks.next();
      if (next.done) return null;
      this.#chunk = next.value;
      this.#at = 0;
    }
    return this.#cut(maxBytes);
  }

  #cut(maxBytes: number): Buffer {
    const piece = this.#chunk.subarray(this.#at, this.#at + maxBytes);
    this.#at += piece.length;
    this.#offset += piece.length;
    return piece;
  }
}
