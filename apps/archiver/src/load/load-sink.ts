import { createHash } from 'node:crypto';
import { type ArchiveEntry, type ArchiveSink, meterEntry, type StoredEntry } from '@entrepot/archive';
import type { ContentContext, StoredObject } from '@entrepot/content';
import { compressionMagicBytes, sniffCompression } from '@entrepot/layers';
import { type Digest, digestAlgorithm } from '@entrepot/oci';
import { Staging } from '../staging.js';

/** Told how far each stored entry is. */
export type OnEntryProgress = (entry: ArchiveEntry, storedBytes: number) => void;

/** Where the blobs of one archive wait until it is known what they are for. */
export class LoadSink implements ArchiveSink {
  readonly #staging: Staging;

  constructor(
    content: ContentContext,
    private readonly onProgress: OnEntryProgress = () => {},
  ) {
    this.#staging = new Staging(content, 'load');
  }

  /** What was stored and is no blob yet. */
  get objects(): readonly StoredObject[] {
    return this.#staging.objects;
  }

  async put(entry: ArchiveEntry, body: AsyncIterable<Buffer>): Promise<StoredEntry> {
    if (entry.digest && (await this.hold([entry.digest])).length === 0) return hashOnly(entry, entry.digest, body);
    const { isPacked, all } = await lookInside(body);
    if (entry.digest || !isPacked) {
      const { digest, sizeBytes } = await this.#store(entry, all);
      return entry.digest ? { digest, sizeBytes } : { digest, sizeBytes, diffId: digest };
    }
    const metered = meterEntry(entry, all);
    await this.#store(entry, metered.body);
    return metered.result();
  }

  /** Keeps blobs that are here for as long as this sink lives; returns those that are not. */
  hold(digests: readonly Digest[]): Promise<Digest[]> {
    return this.#staging.hold(digests);
  }

  /** Lets go of everything; `published` are the objects that became blobs. */
  close(published: readonly StoredObject[] = []): Promise<void> {
    return this.#staging.close(published);
  }

  #store(entry: ArchiveEntry, body: AsyncIterable<Buffer>): Promise<StoredObject> {
    const { sizeBytes, digest } = entry;
    return this.#staging.store(body, { digest: digest ?? undefined, sizeBytes }, (storedBytes) =>
      this.onProgress(entry, storedBytes),
    );
  }
}

/** What is here already is read all the same: the archive must be what it says it is. */
async function hashOnly(
  { sizeBytes }: ArchiveEntry,
  promised: Digest,
  body: AsyncIterable<Buffer>,
): Promise<StoredEntry> {
  const algorithm = digestAlgorithm(promised);
  const hash = createHash(algorithm);
  for await (const chunk of body) hash.update(chunk);
  return { digest: `${algorithm}:${hash.digest('hex')}`, sizeBytes };
}

/** Whether a body is compressed, and all of it. */
async function lookInside(body: AsyncIterable<Buffer>): Promise<{ isPacked: boolean; all: AsyncIterable<Buffer> }> {
  const chunks = body[Symbol.asyncIterator]();
  const head: Buffer[] = [];
  for (let bytes = 0; bytes < compressionMagicBytes; ) {
    const { done, value } = await chunks.next();
    if (done) break;
    head.push(value);
    bytes += value.length;
  }
  async function* all(): AsyncGenerator<Buffer> {
    yield* head;
    yield* { [Symbol.asyncIterator]: () => chunks };
  }
  return { isPacked: sniffCompression(Buffer.concat(head)) !== 'none', all: all() };
}
