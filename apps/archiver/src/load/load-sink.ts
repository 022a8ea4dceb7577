import { createHash, randomUUID } from 'node:crypto';
import { type ArchiveEntry, type ArchiveSink, meterEntry, type StoredEntry } from '@entrepot/archive';
import {
  type ContentContext,
  leaseBlobs,
  openIngest,
  releaseLeases,
  renewLeases,
  type StoredObject,
} from '@entrepot/content';
import { condemnUpload, keepUpload } from '@entrepot/database';
import { compressionMagicBytes, sniffCompression } from '@entrepot/layers';
import { type Digest, digestAlgorithm } from '@entrepot/oci';

/** Told how far each stored entry is. */
export type OnEntryProgress = (entry: ArchiveEntry, storedBytes: number) => void;

const keepMs = 30 * 60_000;

/**
 * Where the blobs of one archive wait until it is known what they are for. Nobody sees them before; when nothing comes
 * of them, or when this process dies, they go.
 */
export class LoadSink implements ArchiveSink {
  /** Leases and uploads are in this name. */
  readonly owner = `load:${randomUUID()}`;
  readonly #objects = new Map<Digest, StoredObject>();
  /** Every key that was written under, whatever became of it. */
  readonly #keys = new Set<string>();
  readonly #renewal: NodeJS.Timeout;

  constructor(
    private readonly content: ContentContext,
    private readonly onProgress: OnEntryProgress = () => {},
  ) {
    this.#renewal = setInterval(() => void this.#keep().catch(() => {}), keepMs / 4);
  }

  /** What was stored and is no blob yet. */
  get objects(): readonly StoredObject[] {
    return [...this.#objects.values()];
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
    return leaseBlobs(this.content, this.owner, digests, keepMs);
  }

  /** Lets go of everything; `published` are the objects that became blobs. */
  async close(published: readonly StoredObject[] = []): Promise<void> {
    clearInterval(this.#renewal);
    const { prisma } = this.content.database;
    for (const { storageKey } of published) this.#keys.delete(storageKey);
    await Promise.all([...this.#keys].map((key) => condemnUpload(prisma, key, this.owner)));
    await releaseLeases(this.content, this.owner);
  }

  async #store(entry: ArchiveEntry, body: AsyncIterable<Buffer>): Promise<StoredObject> {
    const { sizeBytes, digest } = entry;
    const ingest = await openIngest(this.content, {
      digest: digest ?? undefined,
      sizeBytes,
      owner: this.owner,
      ttlMs: keepMs,
    });
    this.#keys.add(ingest.storageKey);
    let storedBytes = 0;
    try {
      for await (const chunk of body) {
        const full = ingest.write(chunk);
        if (full) await full;
        storedBytes += chunk.length;
        this.onProgress(entry, storedBytes);
      }
      const object = await ingest.finish();
      if (!this.#objects.has(object.digest)) this.#objects.set(object.digest, object);
      return object;
    } catch (error) {
      await ingest.abort().catch(() => {});
      throw error;
    }
  }

  async #keep(): Promise<void> {
    const { prisma } = this.content.database;
    await renewLeases(this.content, this.owner, keepMs);
    for (const storageKey of this.#keys) await keepUpload(prisma, { storageKey, owner: this.owner, ttlMs: keepMs });
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
