/** What tar-stream hands out for one body. */
export interface ParserStream extends AsyncIterable<Buffer> {
  resume(): void;
}

/**
 * The bytes of one entry, to be read once. Leaving a loop over it early is allowed: what is left is skipped when the
 * reader goes on (tar-stream by itself would give up the whole tar).
 */
export class TarBody implements AsyncIterableIterator<Buffer> {
  readonly #stream: ParserStream;
  readonly #explain: (error: unknown) => unknown;
  #chunks: AsyncIterator<Buffer> | null = null;
  #ended = false;

  constructor(stream: ParserStream, explain: (error: unknown) => unknown) {
    this.#stream = stream;
    this.#explain = explain;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** @throws {InvalidTarError} the tar ends inside this body */
  async next(): Promise<IteratorResult<Buffer>> {
    if (this.#ended) return { done: true, value: undefined };
    this.#chunks ??= this.#stream[Symbol.asyncIterator]();
    try {
      const result = await this.#chunks.next();
      this.#ended = result.done === true;
      return result;
    } catch (error) {
      this.#ended = true;
      throw this.#explain(error);
    }
  }

  async return(): Promise<IteratorResult<Buffer>> {
    return { done: true, value: undefined };
  }

  /** Passes over what has not been read. */
  async skip(): Promise<void> {
    if (this.#ended) return;
    if (this.#chunks === null) {
      this.#ended = true;
      this.#stream.resume();
      return;
    }
    while (!(await this.next()).done);
  }
}
