import type { Readable } from 'node:stream';
import type { ByteRange } from '@entrepot/blob-store';
import { expandSparse, type IndexEntry, InvalidTarError, readLayerFile, readLayerFiles } from '@entrepot/layers';

/** A tar whose files can be read: a build context, a layer, an archive inside of a context. */
export interface FileArchive {
  /** The bytes are those of the plain tar, so that reading can begin anywhere. */
  isPlain: boolean;
  open(range?: ByteRange): Promise<Readable>;
}

/** A file of one of them. */
export interface FileSource {
  archive: FileArchive;
  entry: IndexEntry;
}

type Pass = AsyncGenerator<[IndexEntry, AsyncIterable<Buffer>]>;

/** Up to so many bytes are read in vain rather than opening the archive again. */
const maxGapBytes = 4 * 1024 * 1024;

/**
 * Reads files one after the other. Those of one archive that are asked for in its order, which `sources` announces, are
 * read in one pass; others are looked for one by one. The caller keeps the blobs, and closes.
 */
export class FileReader {
  readonly #passes = new Map<FileArchive, ArchivePass>();

  constructor(sources: Iterable<FileSource>) {
    for (const { archive, entry } of sources) {
      const pass = this.#passes.get(archive) ?? new ArchivePass(archive);
      pass.announce(entry);
      this.#passes.set(archive, pass);
    }
  }

  async *read({ archive, entry }: FileSource): AsyncGenerator<Buffer> {
    yield* (await this.#passes.get(archive)?.take(entry)) ?? readFile({ archive, entry });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#passes.values()].map((pass) => pass.close()));
  }
}

/** The content of one file. */
export async function* readFile({ archive, entry }: FileSource): AsyncGenerator<Buffer> {
  if (!archive.isPlain) return yield* readLayerFile(await archive.open(), entry);
  for await (const [, content] of readPlainFiles(archive, [entry])) yield* content;
}

class ArchivePass {
  readonly #files = new Map<number, IndexEntry>();
  #pass: Pass | null = null;
  #reachedBytes = -1;

  constructor(private readonly archive: FileArchive) {}

  announce(entry: IndexEntry): void {
    this.#files.set(entry.offsetBytes, entry);
  }

  /** The content of a file that the pass has not come to yet; null for others. */
  async take({ offsetBytes }: IndexEntry): Promise<AsyncIterable<Buffer> | null> {
    if (offsetBytes <= this.#reachedBytes || !this.#files.has(offsetBytes)) return null;
    const files = [...this.#files.values()];
    this.#pass ??= this.archive.isPlain
      ? readPlainFiles(this.archive, files)
      : readLayerFiles(await this.archive.open(), files);
    for (;;) {
      const next = await this.#pass.next();
      if (next.done) return null;
      const [entry, content] = next.value;
      this.#reachedBytes = entry.offsetBytes;
      if (entry.offsetBytes === offsetBytes) return content;
    }
  }

  async close(): Promise<void> {
    await this.#pass?.return(undefined);
  }
}

/** As `readLayerFiles`, of a plain tar that can be opened anywhere. */
async function* readPlainFiles(archive: FileArchive, files: readonly IndexEntry[]): Pass {
  const inOrder = [...files].sort((a, b) => a.offsetBytes - b.offsetBytes);
  const last = inOrder.at(-1);
  const toByte = last === undefined ? 0 : last.offsetBytes + last.storedBytes;
  let bytes: PlainBytes | null = null;
  try {
    for (const entry of inOrder) {
      if (bytes === null || entry.offsetBytes - bytes.offset > maxGapBytes) {
        await bytes?.close();
        const fromByte = entry.offsetBytes;
        bytes = new PlainBytes(await archive.open({ fromByte, toByte }), fromByte);
      }
      const body = bytes.read(entry);
      const { sparse, path, storedBytes } = entry;
      const file = sparse && { name: path, pax: sparse.pax, oldSparse: sparse.old, sizeBytes: storedBytes };
      yield [entry, file ? expandSparse(file, body) : body];
    }
  } finally {
    await bytes?.close();
  }
}

/** A stream of known beginning, of which pieces are read in order. */
class PlainBytes {
  readonly #chunks: AsyncIterator<Buffer>;
  #chunk: Buffer = Buffer.alloc(0);

  constructor(
    stream: Readable,
    public offset: number,
  ) {
    this.#chunks = stream[Symbol.asyncIterator]();
  }

  async *read({ path, offsetBytes, storedBytes }: IndexEntry): AsyncGenerator<Buffer> {
    while (this.offset < offsetBytes) await this.#take(offsetBytes - this.offset, path);
    const end = offsetBytes + storedBytes;
    while (this.offset < end) yield await this.#take(end - this.offset, path);
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  async #take(maxBytes: number, path: string): Promise<Buffer> {
    while (this.#chunk.length === 0) {
      const next = await this.#chunks.next();
      if (next.done) throw new InvalidTarError('cut', path);
      this.#chunk = next.value;
    }
    const piece = this.#chunk.subarray(0, maxBytes);
    this.#chunk = this.#chunk.subarray(piece.length);
    this.offset += piece.length;
    return piece;
  }
}
