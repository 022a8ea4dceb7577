import type { IndexEntry } from './index-entry.js';
import type { StoredTar } from './stored-tar.js';
import { TarPass } from './tar-pass.js';

/** A file in a stored tar. */
export interface TarFile {
  tar: StoredTar;
  entry: IndexEntry;
}

/**
 * Reads files one after the other. Those of one tar that are asked for in its order are read in one pass; others are
 * looked for one by one. The caller keeps the tars, and closes.
 */
export class TarFileReader {
  readonly #passes = new Map<StoredTar, TarPass>();

  /** A file that will be asked for; nothing of it is kept. */
  announce({ tar, entry }: TarFile): void {
    const pass = this.#passes.get(tar) ?? new TarPass(tar);
    pass.announce(entry);
    this.#passes.set(tar, pass);
  }

  /** @throws what `TarPass.take` throws */
  async *read({ tar, entry }: TarFile): AsyncGenerator<Buffer> {
    const pass = this.#passes.get(tar);
    yield* pass?.isAhead(entry) ? await pass.take(entry) : readTarFile(tar, entry);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#passes.values()].map((pass) => pass.close()));
  }
}

/** The content of one file; reads no more of the tar than it must. @throws what `TarPass.take` throws */
export async function* readTarFile(tar: StoredTar, entry: IndexEntry): AsyncGenerator<Buffer> {
  const pass = new TarPass(tar);
  pass.announce(entry);
  try {
    yield* await pass.take(entry);
  } finally {
    await pass.close();
  }
}
