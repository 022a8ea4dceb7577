/**
 * tar-stream reads the format; this file adds what a hostile or cut archive asks for: it stops at the two zero blocks
 * as every reader of images does, tells a cut tar from a broken one, and knows the entry where that happened.
 */
import { type Extract, extract } from 'tar-stream';
import { InvalidTarError, LayerTooLargeError } from './errors.js';
import type { TarLimits } from './limits.js';
import { TarBody } from './tar-body.js';
import { TarEnd } from './tar-end.js';
import { type RawHeader, type TarEntry, tarEntry } from './tar-entry.js';

/**
 * The entries of one plain tar, in order, each with its body. A body may be read, read in part or left alone. All
 * bytes of the source are taken in, those after the end of the tar as well.
 */
export class TarReader implements AsyncIterable<[TarEntry, TarBody]> {
  readonly #source: AsyncIterable<Buffer>;
  readonly #limits: TarLimits;
  readonly #extract = createExtract();
  readonly #end = new TarEnd();
  #offset = 0;
  #count = 0;
  #entryName: string | null = null;
  #sourceFailure: { error: unknown } | null = null;

  constructor(source: AsyncIterable<Buffer>, limits: TarLimits) {
    this.#source = source;
    this.#limits = limits;
    this.#extract.on('entry', (header) => {
      const { byteOffset, type, size } = header as unknown as RawHeader;
      this.#end.entry(byteOffset, type === 'directory' ? 0 : size);
    });
  }

  /** The entry that was met last, for messages. */
  get entryName(): string | null {
    return this.#entryName;
  }

  get entryCount(): number {
    return this.#count;
  }

  /** After the last entry: whether the tar was closed properly. One that was not may have been cut between two entries. */
  get closed(): boolean {
    return this.#end.begun;
  }

  /**
   * @throws {InvalidTarError} not a tar, or cut
   * @throws {LayerTooLargeError} a limit is reached
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<[TarEntry, TarBody]> {
    const feeding = this.#feed();
    try {
      for await (const stream of this.#extract) {
        const entry = this.#meet(stream.header as unknown as RawHeader);
        const body = new TarBody(stream as AsyncIterable<Buffer> & { resume(): void }, (error) => this.#explain(error));
        yield [entry, body];
        await body.skip();
      }
    } catch (error) {
      if (this.#extract.destroyed) await feeding;
      if (!this.#end.reached || this.#sourceFailure) throw this.#explain(error);
    }
    await feeding;
    if (this.#sourceFailure) throw this.#sourceFailure.error;
  }

  #meet(header: RawHeader): TarEntry {
    const entry = tarEntry(header, this.#limits);
    this.#entryName = entry.name;
    this.#count += 1;
    if (this.#count > this.#limits.maxEntries) {
      throw new LayerTooLargeError(`more than ${this.#limits.maxEntries} entries`, entry.name);
    }
    return entry;
  }

  /** Never rejects: a failure of the source ends the parser, whose reader then finds it here. */
  async #feed(): Promise<void> {
    try {
      for await (const chunk of this.#source) {
        if (this.#end.reached) continue;
        if (this.#extract.destroyed) return;
        await this.#write(chunk);
      }
      this.#extract.end(null);
    } catch (error) {
      this.#sourceFailure = { error };
      this.#extract.destroy(error as Error);
    }
  }

  /** Resolves when the parser has met everything in the chunk, or has given up. */
  async #write(chunk: Buffer): Promise<void> {
    const offset = this.#offset;
    this.#offset += chunk.length;
    if (!this.#extract.write(chunk)) await settled(this.#extract);
    this.#end.chunk(chunk, offset);
  }

  /** The source's failure comes first: the parser only repeats it. */
  #explain(error: unknown): unknown {
    if (this.#sourceFailure) return this.#sourceFailure.error;
    if (!isParserError(error)) return error;
    if (error.message.includes('exceeds max size'))
      return new LayerTooLargeError('PAX header is too large', this.#entryName);
    const problem = error.message === 'Unexpected end of data' ? 'cut' : 'malformed';
    return new InvalidTarError(problem, this.#entryName, { cause: error });
  }
}

function createExtract(): Extract {
  // One chunk at a time: a write has ended when its entries have been met. Tars from before ustar have no magic.
  const options = { highWaterMark: 1, allowUnknownFormat: true };
  return extract(options);
}

function settled(parser: Extract): Promise<void> {
  return new Promise((resolve) => {
    if (parser.destroyed) return resolve();
    const done = () => {
      parser.off('drain', done);
      parser.off('close', done);
      resolve();
    };
    parser.on('drain', done);
    parser.on('close', done);
  });
}

/** tar-stream throws plain errors with these texts. */
function isParserError(error: unknown): error is Error {
  return error instanceof Error && error.name === 'Error' && parserTexts.test(error.message);
}

const parserTexts = /^(Unexpected end of data|Invalid (tar )?header|Header exceeds max size)/;
