import type { IndexEntry } from './index-entry.js';
import { readTarFile, readTarFiles } from './read-tar-files.js';
import type { StoredTar } from './stored-tar.js';

/** A file in a stored tar. */
export interface TarFile {
  tar: StoredTar;
  entry: IndexEntry;
}

/**
 * Reads files one after the other. Those of one tar that are asked for in its order, which `files` announces, are read in
 * one pass; others are looked for one by one. The caller keeps the tars, and closes.
 */
export class TarFileReader {
  readonly #passes = new Map<StoredTar, TarPass>();

  constructor(files: Iterable<TarFile>) {
    for (const { tar, entry } of files) {
      const pass = this.#passes.get(tar) ?? new TarPass(tar);
      pass.announce(entry);
      this.#passes.set(tar, pass);
    }
  }

  async *read({ tar, entry }: TarFile): AsyncGenerator<Buffer> {
    yield* (await this.#passes.get(tar)?.take(entry)) ?? readTarFile(tar, entry);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#passes.values()].map((pass) => pass.close()));
  }
}

/** One pass over a tar, begun when the first of its files is asked for. */
class TarPass {
  readonly #files = new Map<number, IndexEntry>();
  #pass: AsyncGenerator<[IndexEntry, AsyncIterable<Buffer>]> | null = null;
  #reachedBytes = -1;

  constructor(private readonly tar: StoredTar) {}

  announce(entry: IndexEntry): void {
    this.#files.set(entry.offsetBytes, entry);
  }

  /** The content of a file that the pass has not come to yet; null for others. */
  async take({ offsetBytes }: IndexEntry): Promise<AsyncIterable<Buffer> | null> {
    if (offsetBytes <= this.#reachedBytes || !this.#files.has(offsetBytes)) return null;
    this.#pass ??= readTarFiles(this.tar, this.#files.values());
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
