import type { Compression } from '@entrepot/layers';
import type { Digest } from '@entrepot/oci';
import type { ArchiveSink, StoredEntry } from './archive-sink.js';
import { InvalidArchiveError, missingFile } from './errors.js';

/** One regular file of an archive: in the sink, or in memory because it may be a document, or both. */
export interface ArchiveFile {
  path: string;
  sizeBytes: number;
  digest: Digest;
  compression: Compression;
  bytes: Buffer | null;
  stored: StoredEntry | null;
}

const maxLinks = 16;

/** Everything one pass over an archive has found, by name and by digest. */
export class ArchiveFiles {
  readonly #byPath = new Map<string, ArchiveFile>();
  readonly #byDigest = new Map<Digest, ArchiveFile>();
  readonly #links = new Map<string, string>();
  readonly #sink: ArchiveSink;

  constructor(sink: ArchiveSink) {
    this.#sink = sink;
  }

  has(path: string): boolean {
    return this.#byPath.has(path) || this.#links.has(path);
  }

  add(file: ArchiveFile): void {
    this.#byPath.set(file.path, file);
    if (!this.#byDigest.has(file.digest)) this.#byDigest.set(file.digest, file);
  }

  addLink(path: string, target: string): void {
    if (this.has(path) && this.#links.get(path) !== target) {
      throw new InvalidArchiveError(path, 'is in the archive twice, with different content');
    }
    this.#links.set(path, target);
  }

  findByDigest(digest: Digest): ArchiveFile | null {
    return this.#byDigest.get(digest) ?? null;
  }

  /** Follows links, as older archives use for a layer that occurs twice. */
  findByPath(path: string): ArchiveFile | null {
    let at = path;
    for (let links = 0; links < maxLinks; links += 1) {
      const target = this.#links.get(at);
      if (target === undefined) return this.#byPath.get(at) ?? null;
      at = target;
    }
    throw new InvalidArchiveError(path, 'is a link that leads nowhere');
  }

  getByPath(path: string): ArchiveFile {
    const file = this.findByPath(path);
    if (file === null) throw missingFile(path);
    return file;
  }

  /** Hands a file that was only kept in memory to the sink, so that it is there as a blob. */
  async store(file: ArchiveFile): Promise<StoredEntry> {
    file.stored ??= await this.#putKept(file);
    return file.stored;
  }

  stored(): StoredEntry[] {
    return [...this.#byPath.values()].flatMap((file) => file.stored ?? []);
  }

  /** Content that a descriptor brought along (`data`) is content of the archive as well. */
  addEmbedded(bytes: Buffer, digest: Digest): ArchiveFile {
    const path = `data of ${digest}`;
    const file = { path, sizeBytes: bytes.length, digest, compression: 'none', bytes, stored: null } as const;
    this.add({ ...file });
    return this.findByDigest(digest) ?? file;
  }

  async #putKept({ path, sizeBytes, bytes, digest }: ArchiveFile): Promise<StoredEntry> {
    if (bytes === null) throw new Error(`${path} is neither kept nor stored`);
    return this.#sink.put({ path, sizeBytes, digest }, once(bytes));
  }
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}
