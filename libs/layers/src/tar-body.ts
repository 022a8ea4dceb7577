import type { ByteSource } from './byte-source.js';

/**
 * The bytes of one entry, to be read once. Leaving a loop over it early is allowed: what is left is skipped when the
 * reader goes on.
 */
export class TarBody implements AsyncIterableIterator<Buffer> {
  readonly #source: ByteSource;
  readonly #cut: () => Error;
  #leftBytes: number;

  constructor(source: ByteSource, sizeBytes: number, cut: () => Error) {
    this.#source = source;
    this.#leftBytes = sizeBytes;
    this.#cut = cut;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** @throws {InvalidTarError} the tar ends inside this body */
  async next(): Promise<IteratorResult<Buffer>> {
    if (this.#leftBytes === 0) return { done: true, value: undefined };
    const piece = await this.#source.take(this.#leftBytes);
    if (piece === null) throw this.#cut();
    this.#leftBytes -= piece.length;
    return { done: false, value: piece };
  }

  async return(): Promise<IteratorResult<Buffer>> {
    return { done: true, value: undefined };
  }

  /** Passes over what has not been read. */
  async skip(): Promise<void> {
    const left = this.#leftBytes;
    this.#leftBytes = 0;
    if (!(await this.#source.skip(left))) throw this.#cut();
  }
}
