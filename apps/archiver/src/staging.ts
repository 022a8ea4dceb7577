import { randomUUID } from 'node:crypto';
import {
  type ContentContext,
  leaseBlobs,
  openIngest,
  releaseLeases,
  renewLeases,
  type StoredObject,
} from '@entrepot/content';
import { condemnUpload, keepUpload } from '@entrepot/database';
import type { Digest } from '@entrepot/oci';

const keepMs = 30 * 60_000;

/**
 * Where the bytes of one upload wait until it is known what they are for. Nobody sees them before; when nothing comes of
 * them, or when this process dies, they go.
 */
export class Staging {
  /** Leases and uploads are in this name. */
  readonly owner: string;
  readonly #objects = new Map<Digest, StoredObject>();
  /** Every key that was written under, whatever became of it. */
  readonly #keys = new Set<string>();
  readonly #renewal: NodeJS.Timeout;

  constructor(
    private readonly content: ContentContext,
    purpose: string,
  ) {
    this.owner = `${purpose}:${randomUUID()}`;
    this.#renewal = setInterval(() => void this.#keep().catch(() => {}), keepMs / 4);
  }

  /** What was stored and is no blob yet, each digest once. */
  get objects(): readonly StoredObject[] {
    return [...this.#objects.values()];
  }

  /** Stores bytes; `digest` is what they must hash to. @throws {BlobMismatchError} */
  async store(
    body: AsyncIterable<Buffer>,
    { digest, sizeBytes }: { digest?: Digest; sizeBytes: number },
    onProgress: (storedBytes: number) => void = () => {},
  ): Promise<StoredObject> {
    const ingest = await openIngest(this.content, { digest, sizeBytes, owner: this.owner, ttlMs: keepMs });
    this.#keys.add(ingest.storageKey);
    let storedBytes = 0;
    try {
      for await (const chunk of body) {
        const full = ingest.write(chunk);
        if (full) await full;
        storedBytes += chunk.length;
        onProgress(storedBytes);
      }
      const object = await ingest.finish();
      if (!this.#objects.has(object.digest)) this.#objects.set(object.digest, object);
      return object;
    } catch (error) {
      await ingest.abort().catch(() => {});
      throw error;
    }
  }

  /** Keeps blobs that are here for as long as this lives; returns those that are not. */
  async hold(digests: readonly Digest[]): Promise<Digest[]> {
    return (await leaseBlobs(this.content, this.owner, digests, keepMs)).missing;
  }

  /** Lets go of everything; `published` are the objects that became blobs. */
  async close(published: readonly StoredObject[] = []): Promise<void> {
    clearInterval(this.#renewal);
    const { prisma } = this.content.database;
    for (const { storageKey } of published) this.#keys.delete(storageKey);
    await Promise.all([...this.#keys].map((key) => condemnUpload(prisma, key, this.owner)));
    await releaseLeases(this.content, this.owner);
  }

  async #keep(): Promise<void> {
    const { prisma } = this.content.database;
    await renewLeases(this.content, this.owner, keepMs);
    for (const storageKey of this.#keys) await keepUpload(prisma, { storageKey, owner: this.owner, ttlMs: keepMs });
  }
}
