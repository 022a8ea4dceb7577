import {
  BlobSizeMismatchError,
  BlobUploadLostError,
  maxUnsizedBytes,
  type SafeState,
  type Upload,
} from '../blob-store.js';
import type { StorageKey } from '../storage-key.js';
import type { S3Bucket, StoredPart } from './bucket.js';
import { retried } from './retry.js';

export interface MultipartOptions {
  partSizeBytes: number;
  /** Parts in memory at once: one that fills, the others on their way. */
  windowParts: number;
  retryDelaysMs: readonly number[];
}

/**
 * A multipart upload. Chunks are copied into part buffers, used again and again,
 * so that memory is exactly the window whatever the chunks and the blob are
 * like, and a part can be sent again when the connection breaks.
 */
export class MultipartUpload implements Upload {
  readonly offsetBytes: number;
  readonly #cancel = new AbortController();
  readonly #etags: string[];
  readonly #sending = new Set<Promise<void>>();
  readonly #freeBuffers: Buffer[] = [];
  #filling: Buffer | null = null;
  #filledBytes = 0;
  #partNumber: number;
  #acceptedBytes: number;
  #failure: { error: unknown } | null = null;
  #commit: Promise<void> | null = null;
  #wasCompleting = false;
  #phase: 'open' | 'committed' | 'ended' = 'open';

  constructor(
    private readonly bucket: S3Bucket,
    private readonly key: StorageKey,
    private readonly sizeBytes: number | null,
    private readonly uploadId: string,
    private readonly options: MultipartOptions,
    stored: readonly StoredPart[] = [],
  ) {
    this.#etags = stored.map((part) => part.etag);
    this.#partNumber = stored.length + 1;
    this.offsetBytes = Math.min(stored.length * options.partSizeBytes, this.#maxBytes);
    this.#acceptedBytes = this.offsetBytes;
  }

  get #maxBytes(): number {
    return this.sizeBytes ?? maxUnsizedBytes;
  }

  write(chunk: Buffer): void | Promise<void> {
    if (this.#phase === 'ended') return Promise.reject(new BlobUploadLostError(this.key));
    if (this.#failure !== null) return Promise.reject(this.#failure.error);
    this.#acceptedBytes += chunk.length;
    if (this.#acceptedBytes > this.#maxBytes) return Promise.reject(this.#sizeMismatch());
    const rest = this.#fill(chunk);
    if (this.#isPartFull()) return this.#spill(rest);
  }

  state(): SafeState {
    let parts = 0;
    while (this.#etags[parts] !== undefined) parts++;
    const { partSizeBytes } = this.options;
    const safeBytes = Math.min(parts * partSizeBytes, this.#acceptedBytes);
    return { safeBytes, state: { uploadId: this.uploadId, partSizeBytes, safeBytes } };
  }

  commit(): Promise<void> {
    this.#commit ??= this.#publish().catch((error) => {
      this.#commit = null;
      throw error;
    });
    return this.#commit;
  }

  async abort(): Promise<void> {
    if (this.#phase === 'open') this.#phase = 'ended';
    this.#cancel.abort();
    await this.#commit?.catch(() => {});
    if (this.#phase === 'committed') return;
    await this.#settled();
    await this.bucket.abortUpload(this.key, this.uploadId);
    // The server may have completed an upload without our hearing of it.
    if (this.#wasCompleting) await this.bucket.remove(this.key);
  }

  async suspend(): Promise<SafeState> {
    await this.#commit?.catch(() => {});
    if (this.#phase === 'open') this.#phase = 'ended';
    await this.#settled();
    return this.state();
  }

  /** Copies as much as the part has room for, and gives the rest. */
  #fill(chunk: Buffer): Buffer {
    this.#filling ??= this.#freeBuffers.pop() ?? Buffer.allocUnsafeSlow(this.options.partSizeBytes);
    const copiedBytes = chunk.copy(this.#filling, this.#filledBytes);
    this.#filledBytes += copiedBytes;
    return chunk.subarray(copiedBytes);
  }

  #isPartFull(): boolean {
    const { partSizeBytes } = this.options;
    const endByte = (this.#partNumber - 1) * partSizeBytes + this.#filledBytes;
    return this.#filledBytes === partSizeBytes || (this.#filledBytes > 0 && endByte === this.sizeBytes);
  }

  /** Sends the full part as soon as the window allows, then goes on with the rest of the chunk. */
  async #spill(chunk: Buffer): Promise<void> {
    let rest: Buffer = Buffer.from(chunk);
    while (this.#isPartFull()) {
      while (this.#sending.size >= this.options.windowParts - 1) await Promise.race(this.#sending);
      if (this.#failure !== null) throw this.#failure.error;
      this.#sendFilled();
      if (rest.length > 0) rest = this.#fill(rest);
    }
  }

  #sendFilled(): void {
    if (this.#filling === null) return;
    const sent: Promise<void> = this.#sendPart(this.#partNumber, this.#filling, this.#filledBytes).then(() => {
      this.#sending.delete(sent);
    });
    this.#sending.add(sent);
    this.#partNumber++;
    this.#filling = null;
    this.#filledBytes = 0;
  }

  async #sendPart(number: number, buffer: Buffer, sizeBytes: number): Promise<void> {
    const body = buffer.subarray(0, sizeBytes);
    const { signal } = this.#cancel;
    const put = () => this.bucket.putPart(this.key, this.uploadId, number, body, signal);
    try {
      this.#etags[number - 1] = await retried(this.options.retryDelaysMs, put, signal);
      this.#freeBuffers.push(buffer);
    } catch (error) {
      this.#failure ??= { error };
    }
  }

  async #settled(): Promise<void> {
    while (this.#sending.size > 0) await Promise.all(this.#sending);
    this.#freeBuffers.length = 0;
  }

  async #publish(): Promise<void> {
    if (this.#phase === 'committed') return;
    if (this.#phase === 'ended') throw new BlobUploadLostError(this.key);
    // Without a size nobody knew which part would be the last.
    if (this.sizeBytes === null && this.#filledBytes > 0) this.#sendFilled();
    await this.#settled();
    if (this.#failure !== null) throw this.#failure.error;
    if (this.sizeBytes !== null && this.#acceptedBytes !== this.sizeBytes) throw this.#sizeMismatch();
    this.#wasCompleting = true;
    await retried(this.options.retryDelaysMs, () => this.#complete(), this.#cancel.signal);
    this.#phase = 'committed';
  }

  /** The second try of a complete that had worked finds no upload, but the blob. */
  async #complete(): Promise<void> {
    try {
      await this.bucket.completeUpload(this.key, this.uploadId, this.#etags);
    } catch (error) {
      const isDone =
        error instanceof BlobUploadLostError && (await this.bucket.findSize(this.key)) === this.#acceptedBytes;
      if (!isDone) throw error;
    }
  }

  #sizeMismatch(): BlobSizeMismatchError {
    return new BlobSizeMismatchError(this.key, this.#maxBytes, this.#acceptedBytes);
  }
}
