import { compressionMagicBytes, sniffCompression } from '@entrepot/layers';
import { type Digest, digestAlgorithm, digestOf } from '@entrepot/oci';
import type { ArchiveFiles } from './archive-files.js';
import type { ArchiveEntry, ArchiveSink, StoredEntry } from './archive-sink.js';
import { digestInPath, isBlobPath } from './blob-path.js';
import { beginsLikeDocument, documentKind, maxDocumentBytes, maxKeptBytes } from './document-kind.js';
import { InvalidArchiveError } from './errors.js';
import { collect, peek } from './peek.js';

const layoutDocument = /^(?:[^/]+\/)?(?:manifest|index)\.json$/;

/** Decides for each file of an archive whether it stays in memory, goes to the sink, or is passed over. */
export class EntryKeeper {
  /** `manifest.json` and `index.json`, by path. */
  readonly documents = new Map<string, Buffer>();
  readonly #sink: ArchiveSink;
  readonly #files: ArchiveFiles;
  #keptBytes = 0;

  constructor(sink: ArchiveSink, files: ArchiveFiles) {
    this.#sink = sink;
    this.#files = files;
  }

  /** Takes one regular file. A file that comes twice must be the same both times. */
  async keep(path: string, sizeBytes: number, body: AsyncIterable<Buffer>): Promise<void> {
    if (layoutDocument.test(path)) return this.#keepLayout(path, sizeBytes, body);
    if (this.#files.has(path)) return this.#compareWithFirst(path, body);
    const entry = { path, sizeBytes, digest: promiseOf(path) };
    const { head, all } = await peek(body, compressionMagicBytes);
    if (sizeBytes <= maxDocumentBytes && beginsLikeDocument(head)) return this.#keepJson(entry, all);
    if (!isLeftover(path)) await this.#store(entry, head, all);
  }

  async #keepLayout(path: string, sizeBytes: number, body: AsyncIterable<Buffer>): Promise<void> {
    const bytes = sizeBytes > maxDocumentBytes ? null : await collect(body, maxDocumentBytes);
    if (bytes === null) throw new InvalidArchiveError(path, `is larger than ${maxDocumentBytes} bytes`);
    if (this.documents.get(path)?.equals(bytes) === false) throw duplicate(path);
    this.documents.set(path, bytes);
  }

  /** The name of a blob fixes its content, so a second one has nothing to add. */
  async #compareWithFirst(path: string, body: AsyncIterable<Buffer>): Promise<void> {
    if (isBlobPath(path)) return;
    const first = this.#files.findByPath(path)?.bytes;
    const again = first && (await collect(body, first.length));
    if (!first || !again?.equals(first)) throw duplicate(path);
  }

  async #keepJson(entry: ArchiveEntry, body: AsyncIterable<Buffer>): Promise<void> {
    const bytes = (await collect(body, maxDocumentBytes)) ?? Buffer.alloc(0);
    const kind = documentKind(bytes);
    if (kind === 'no-json') return this.#store(entry, bytes, once(bytes));
    const digest = digestOf(bytes, entry.digest ? digestAlgorithm(entry.digest) : 'sha256');
    refuseOtherContent(entry, digest);
    const needed = kind === 'manifest' || kind === 'config';
    if (needed && this.#keptBytes + bytes.length <= maxKeptBytes) {
      this.#keptBytes += bytes.length;
      this.#files.add({ ...entry, digest, compression: 'none', bytes, stored: null });
    } else if (entry.digest) {
      await this.#store(entry, bytes, once(bytes));
    }
  }

  async #store(entry: ArchiveEntry, head: Buffer, body: AsyncIterable<Buffer>): Promise<void> {
    const stored = await this.#put(entry, body);
    refuseOtherContent(entry, stored.digest);
    if (stored.sizeBytes !== entry.sizeBytes) {
      throw new InvalidArchiveError(entry.path, `${stored.sizeBytes} of ${entry.sizeBytes} bytes were stored`);
    }
    const { path, sizeBytes } = entry;
    this.#files.add({
      path,
      sizeBytes,
      digest: stored.digest,
      compression: sniffCompression(head),
      bytes: null,
      stored,
    });
  }

  /** When the archive fails under the sink, that is what went wrong, whatever the sink makes of it. */
  async #put(entry: ArchiveEntry, body: AsyncIterable<Buffer>): Promise<StoredEntry> {
    let failure: { error: unknown } | null = null;
    async function* watched(): AsyncGenerator<Buffer> {
      try {
        for await (const chunk of body) yield chunk;
      } catch (error) {
        failure = { error };
        throw error;
      }
    }
    try {
      return await this.#sink.put(entry, watched());
    } catch (error) {
      throw (failure as { error: unknown } | null)?.error ?? error;
    }
  }
}

/** @throws {InvalidArchiveError} lies where blobs lie and is not named after a digest */
function promiseOf(path: string): Digest | null {
  if (!isBlobPath(path)) return null;
  const digest = digestInPath(path);
  if (digest === null) throw new InvalidArchiveError(path, 'is not named after a digest');
  return digest;
}

function refuseOtherContent({ path, digest }: ArchiveEntry, actual: Digest): void {
  if (digest !== null && digest !== actual) throw new InvalidArchiveError(path, `its content is ${actual}`);
}

/** Of the layout before OCI; the `json` beside it is passed over as a document that nobody needs. */
function isLeftover(path: string): boolean {
  return path.endsWith('/VERSION');
}

function duplicate(path: string): InvalidArchiveError {
  return new InvalidArchiveError(path, 'is in the archive twice, with different content');
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}
