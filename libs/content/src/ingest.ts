// Bytes → hash → store in one pass. The upload row stands before the first byte, so no crash leaves bytes that nobody
// knows of; digest and size are checked before anybody can refer to them.
import { createHash, type Hash } from 'node:crypto';
import { newStorageKey, type SafeState, type StorageKey, type Upload } from '@entrepot/blob-store';
import {
  condemnUpload,
  deleteUpload,
  insertTombstone,
  insertUpload,
  keepUpload,
  takeOverUpload,
} from '@entrepot/database';
import { type Digest, digestAlgorithm } from '@entrepot/oci';
import { type ContentContext, keepUploadMs } from './context.js';
import { BlobMismatchError, UploadLostError } from './errors.js';

/** Verified bytes in the store that are no blob yet; `admitBlob` makes them one. */
export interface StoredObject {
  digest: Digest;
  sizeBytes: number;
  storageKey: StorageKey;
}

export interface IngestOptions {
  /** What the bytes must hash to; found out (as SHA-256) when not given. */
  digest?: Digest;
  /** Found out when not given; then the upload cannot be resumed. */
  sizeBytes?: number;
  /** Who writes, for instance `fetch:<worker>`. */
  owner: string;
  /** How long the bytes are kept when nobody comes back, 24 h when not given. */
  ttlMs?: number;
  /** An upload somebody else left; begun anew when nothing of it is left. */
  resume?: { storageKey: StorageKey };
  /** A new upload whose row stands already. */
  storageKey?: StorageKey;
  /** Writes down a new upload in another way than by its row alone; throws when that must not be. */
  announce?: (upload: { storageKey: StorageKey; sizeBytes: number; owner: string; ttlMs: number }) => Promise<void>;
  /** Throws when the right to write, and to the upload, has ended; asked before each write. */
  guard?: () => void;
}

/** One blob on its way in. Ends with `finish` and an admission, or `abort`, or `suspend`. */
export interface Ingest {
  readonly storageKey: StorageKey;
  /** Where to go on: 0 for a new one. */
  readonly offsetBytes: number;
  /**
   * Nothing when there is room, else a promise to wait for. Never throws: a failure rejects.
   *
   * @throws {BlobMismatchError} more bytes than announced, or than any blob may have
   */
  write(chunk: Buffer): void | Promise<void>;
  /** What a resume may count on, for `reportFetch`. */
  state(): SafeState;
  /** What was written hashes to this, and nothing more may be written; null when only reading it back can tell. */
  seal(): Digest | null;
  /**
   * Commits and checks. What is wrong is removed again.
   *
   * @throws {BlobMismatchError} digest or size; @throws {UploadLostError} it took too long, or another took over
   */
  finish(): Promise<StoredObject>;
  /** Nothing remains, unless another has taken over; after `finish`, unless it was admitted. Idempotent. */
  abort(): Promise<void>;
  /** Keeps what is there for a later resume. Idempotent. */
  suspend(): Promise<void>;
}

/** Starts an ingest, or goes on with one that was left. */
export async function openIngest(context: ContentContext, options: IngestOptions): Promise<Ingest> {
  const { prisma } = context.database;
  const { digest, sizeBytes, owner, ttlMs = keepUploadMs, resume } = options;
  if (resume !== undefined && sizeBytes !== undefined) {
    const left = await takeOverUpload(prisma, { storageKey: resume.storageKey, owner, ttlMs });
    if (left !== null) {
      const upload = await context.store.openUpload(resume.storageKey, sizeBytes, left.resumeState);
      return new BlobIngest(context, options, resume.storageKey, upload);
    }
  }
  const storageKey = options.storageKey ?? newStorageKey(digest);
  const row = { storageKey, sizeBytes: sizeBytes ?? 0, owner, ttlMs };
  if (options.storageKey === undefined) await (options.announce?.(row) ?? insertUpload(prisma, row));
  const upload = await context.store.openUpload(storageKey, sizeBytes ?? null);
  return new BlobIngest(context, options, storageKey, upload);
}

class BlobIngest implements Ingest {
  readonly offsetBytes: number;
  readonly #hash: Hash | null;
  #sealed: Digest | null = null;
  #receivedBytes: number;
  #finished = false;
  #isCommitting = false;
  #ended = false;
  readonly #openedAtMs = performance.now();

  constructor(
    private readonly context: ContentContext,
    private readonly options: IngestOptions,
    readonly storageKey: StorageKey,
    private readonly upload: Upload,
  ) {
    this.offsetBytes = upload.offsetBytes;
    this.#receivedBytes = upload.offsetBytes;
    this.#hash = upload.offsetBytes === 0 ? createHash(this.#algorithm()) : null;
  }

  write(chunk: Buffer): void | Promise<void> {
    if (this.#sealed !== null) return Promise.reject(new Error(`${this.storageKey} is sealed`));
    try {
      this.options.guard?.();
    } catch (error) {
      return Promise.reject(error);
    }
    this.#receivedBytes += chunk.length;
    if (this.#receivedBytes > (this.options.sizeBytes ?? Number.POSITIVE_INFINITY))
      return Promise.reject(this.#mismatch(undefined));
    this.#hash?.update(chunk);
    return this.upload.write(chunk);
  }

  state(): SafeState {
    return this.upload.state();
  }

  seal(): Digest | null {
    if (this.#hash !== null) this.#sealed ??= this.#digest(this.#hash);
    return this.#sealed;
  }

  async finish(): Promise<StoredObject> {
    const { digest: expected, sizeBytes = this.#receivedBytes } = this.options;
    if (this.#receivedBytes !== sizeBytes) await this.#refuse(undefined);
    const streamed = this.seal();
    if (streamed !== null && expected !== undefined && streamed !== expected) await this.#refuse(streamed);
    await this.#commit();
    const digest = streamed ?? (await this.#readBack());
    if (expected !== undefined && digest !== expected) await this.#refuse(digest);
    this.#finished = true;
    return { digest, sizeBytes, storageKey: this.storageKey };
  }

  async abort(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    const { prisma } = this.context.database;
    if (!(await condemnUpload(prisma, this.storageKey, this.options.owner))) return await this.#leave();
    // The row goes last: as long as there may be bytes, something must know of them.
    await this.upload.abort();
    await this.context.store.delete(this.storageKey);
    await deleteUpload(prisma, this.storageKey, this.options.owner);
  }

  async suspend(): Promise<void> {
    if (this.#ended || this.#finished) return;
    this.#ended = true;
    const { safeBytes, state } = await this.upload.suspend();
    await this.#keep({ safeBytes, resumeState: state });
  }

  /** Admitted, taken over, or swept; bytes that were committed after a sweep are known to nobody, and are to go. */
  async #leave(): Promise<void> {
    if (!this.#isCommitting) return void (await this.upload.suspend());
    await this.upload.abort();
    const object = { storageKey: this.storageKey, sizeBytes: this.#receivedBytes, reason: 'lost upload' };
    await insertTombstone(this.context.database.prisma, object);
  }

  async #commit(): Promise<void> {
    this.options.guard?.();
    // Nobody takes over or sweeps what was begun a moment ago, so its row need not be looked at before.
    const isFresh = this.#isFresh();
    const kept = isFresh && this.options.guard !== undefined ? null : this.#keepOurs();
    if (!isFresh) await kept;
    this.#isCommitting = true;
    await Promise.all([kept, this.upload.commit()]);
  }

  #isFresh(): boolean {
    const { resume, ttlMs = keepUploadMs } = this.options;
    return resume === undefined && performance.now() - this.#openedAtMs < ttlMs / 2;
  }

  async #keepOurs(): Promise<void> {
    if (!(await this.#keep())) throw new UploadLostError(this.storageKey);
  }

  #keep(progress?: { safeBytes: number; resumeState: Record<string, unknown> }): Promise<boolean> {
    const { owner, ttlMs = keepUploadMs } = this.options;
    const sizeBytes = this.options.sizeBytes ?? this.#receivedBytes;
    const kept = { storageKey: this.storageKey, sizeBytes, owner, ttlMs, progress };
    return keepUpload(this.context.database.prisma, kept);
  }

  async #readBack(): Promise<Digest> {
    const hash = createHash(this.#algorithm());
    for await (const chunk of await this.context.store.open(this.storageKey)) hash.update(chunk);
    return this.#digest(hash);
  }

  async #refuse(digest: Digest | undefined): Promise<never> {
    await this.abort();
    throw this.#mismatch(digest);
  }

  #mismatch(digest: Digest | undefined): BlobMismatchError {
    const { digest: expected, sizeBytes = this.#receivedBytes } = this.options;
    const actual = { digest, sizeBytes: this.#receivedBytes };
    return new BlobMismatchError({ digest: expected, sizeBytes }, actual, this.offsetBytes > 0);
  }

  #algorithm(): 'sha256' | 'sha512' {
    return this.options.digest === undefined ? 'sha256' : digestAlgorithm(this.options.digest);
  }

  #digest(hash: Hash): Digest {
    return `${this.#algorithm()}:${hash.digest('hex')}`;
  }
}
