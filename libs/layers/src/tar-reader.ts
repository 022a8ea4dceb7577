/**
 * Reads tars of strangers: it stops at the two zero blocks as every reader of images does, tells a cut tar from a broken
 * one, and knows the entry where that happened. Names and PAX values stay bytes, which libraries for Node decode as
 * UTF-8 and so spoil capabilities and old names. Formats: POSIX.1 ustar and pax, GNU tar. A global PAX header says
 * nothing, as for Docker.
 */
import { ByteSource } from './byte-source.js';
import { textOfBytes } from './byte-text.js';
import { InvalidTarError, LayerTooLargeError } from './errors.js';
import type { TarLimits } from './limits.js';
import { parsePaxRecords } from './pax-records.js';
import { oldSparseParts, type SparsePart } from './sparse.js';
import { TarBody } from './tar-body.js';
import { type HeaderOverrides, type TarEntry, tarEntry } from './tar-entry.js';
import { isEmptyBlock, number, parseTarHeader, type TarHeader, tarBlockBytes } from './tar-header.js';

/** So many parts of a sparse file may stand in extension blocks of its header. */
const maxOldSparseParts = 100_000;

/**
 * The entries of one plain tar, in order, each with its body. A body may be read, read in part or left alone. All
 * bytes of the source are taken in, those after the end of the tar as well.
 */
export class TarReader implements AsyncIterable<[TarEntry, TarBody]> {
  readonly #source: ByteSource;
  readonly #limits: TarLimits;
  #count = 0;
  #entryName: string | null = null;
  #closed = false;

  constructor(source: AsyncIterable<Buffer>, limits: TarLimits) {
    this.#source = new ByteSource(source);
    this.#limits = limits;
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
    return this.#closed;
  }

  /**
   * @throws {InvalidTarError} not a tar, or cut
   * @throws {LayerTooLargeError} a limit is reached
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<[TarEntry, TarBody]> {
    try {
      for (let entry = await this.#nextEntry(); entry !== null; entry = await this.#nextEntry()) {
        const body = new TarBody(this.#source, entry.sizeBytes, () => this.#cut());
        yield [entry, body];
        await body.skip();
        if (!(await this.#source.skip(padding(entry.sizeBytes)))) throw this.#cut();
      }
      await this.#source.skip(Number.POSITIVE_INFINITY);
    } finally {
      await this.#source.close();
    }
  }

  async #nextEntry(): Promise<TarEntry | null> {
    const overrides: HeaderOverrides = { longName: null, longLink: null, pax: [] };
    for (;;) {
      const block = await this.#nextHeader();
      if (block === null) return null;
      const header = parseTarHeader(block);
      if (header === null) throw new InvalidTarError('malformed', this.#entryName);
      if (!(await this.#readOverride(header, overrides))) return await this.#meet(header, overrides, block);
    }
  }

  /** Null at the end: two empty blocks, or none where the source ends. */
  async #nextHeader(): Promise<Buffer | null> {
    for (let empty = 0; empty < 2; empty++) {
      const block = await this.#source.read(tarBlockBytes);
      if (block.length === 0) return null;
      this.#closed = isZeros(block);
      if (block.length < tarBlockBytes) {
        if (this.#closed && empty > 0) return null;
        throw this.#cut();
      }
      if (!this.#closed) return block;
    }
    return null;
  }

  /** Whether the header only says something of the next one; then its body has been taken in. */
  async #readOverride(header: TarHeader, overrides: HeaderOverrides): Promise<boolean> {
    switch (header.typeFlag) {
      case 'x':
        overrides.pax = parsePaxRecords(await this.#readSmall(header, this.#limits.maxPaxBytes, 'PAX header')) ?? [];
        if (overrides.pax.length === 0 && header.sizeBytes > 0) throw new InvalidTarError('malformed', this.#entryName);
        return true;
      case 'g':
        await this.#readSmall(header, this.#limits.maxPaxBytes, 'PAX header');
        return true;
      case 'L':
        overrides.longName = await this.#readLongName(header);
        return true;
      case 'K':
        overrides.longLink = await this.#readLongName(header);
        return true;
      default:
        return false;
    }
  }

  async #readLongName(header: TarHeader): Promise<string> {
    const bytes = await this.#readSmall(header, this.#limits.maxNameBytes + 1, 'name');
    const end = bytes.indexOf(0);
    return textOfBytes(end === -1 ? bytes : bytes.subarray(0, end));
  }

  async #readSmall({ sizeBytes }: TarHeader, maxBytes: number, what: string): Promise<Buffer> {
    if (sizeBytes > maxBytes + tarBlockBytes) {
      throw new LayerTooLargeError(`${what} is larger than ${maxBytes} bytes`, this.#entryName);
    }
    if (sizeBytes < 0) throw new InvalidTarError('malformed', this.#entryName);
    const bytes = Buffer.from(await this.#source.read(sizeBytes));
    if (bytes.length < sizeBytes || !(await this.#source.skip(padding(sizeBytes)))) throw this.#cut();
    return bytes;
  }

  async #meet(header: TarHeader, overrides: HeaderOverrides, block: Buffer): Promise<TarEntry> {
    const entry = tarEntry(header, overrides, this.#limits);
    this.#entryName = entry.name;
    this.#count += 1;
    if (this.#count > this.#limits.maxEntries) {
      throw new LayerTooLargeError(`more than ${this.#limits.maxEntries} entries`, entry.name);
    }
    if (header.typeFlag === 'S') entry.oldSparse = await this.#readOldSparse(block);
    entry.offsetBytes = this.#source.offset;
    return entry;
  }

  async #readOldSparse(block: Buffer): Promise<TarEntry['oldSparse']> {
    const realSizeBytes = number(block, 483, 12) ?? -1;
    const parts: SparsePart[] = [];
    const add = (more: SparsePart[] | null): void => {
      if (more === null || realSizeBytes < 0) throw new InvalidTarError('malformed', this.#entryName);
      parts.push(...more);
      if (parts.length > maxOldSparseParts) {
        throw new LayerTooLargeError(`more than ${maxOldSparseParts} parts of a sparse file`, this.#entryName);
      }
    };
    let isExtended = block[482] === 1;
    add(oldSparseParts(block, 386, 4));
    while (isExtended) {
      const extension = await this.#source.read(tarBlockBytes);
      if (extension.length < tarBlockBytes) throw this.#cut();
      isExtended = extension[504] === 1;
      add(oldSparseParts(extension, 0, 21));
    }
    return { realSizeBytes, parts };
  }

  #cut(): InvalidTarError {
    return new InvalidTarError('cut', this.#entryName);
  }
}

function isZeros(block: Buffer): boolean {
  return block.length === tarBlockBytes ? isEmptyBlock(block) : block.every((byte) => byte === 0);
}

/** How many zeros follow a body to fill its last block. */
function padding(sizeBytes: number): number {
  return (tarBlockBytes - (sizeBytes % tarBlockBytes)) % tarBlockBytes;
}
