import { BlobSizeMismatchError, BlobUploadLostError, type SafeState, type Upload } from '../blob-store.js';
import type { StorageKey } from '../storage-key.js';
import type { S3Bucket } from './bucket.js';
import { retried } from './retry.js';

/** A small blob: held in memory and stored by one PUT at the commit. Cheaper than three requests; a resume starts again. */
export class BufferedUpload implements Upload {
  readonly offsetBytes = 0;
  readonly #ended = new AbortController();
  #buffer: Buffer | null = null;
  #acceptedBytes = 0;
  #commit: Promise<void> | null = null;
  #wasSent = false;
  #isCommitted = false;

  constructor(
    private readonly bucket: S3Bucket,
    private readonly key: StorageKey,
    private readonly sizeBytes: number,
    private readonly retryDelaysMs: readonly number[],
  ) {}

  write(chunk: Buffer): void | Promise<void> {
    if (this.#ended.signal.aborted) return Promise.reject(new BlobUploadLostError(this.key));
    const startByte = this.#acceptedBytes;
    this.#acceptedBytes += chunk.length;
    if (this.#acceptedBytes > this.sizeBytes) return Promise.reject(this.#sizeMismatch());
    this.#buffer ??= Buffer.allocUnsafeSlow(this.sizeBytes);
    chunk.copy(this.#buffer, startByte);
  }

  state(): SafeState {
    return { safeBytes: 0, state: {} };
  }

  commit(): Promise<void> {
    this.#commit ??= this.#publish().catch((error) => {
      this.#commit = null;
      throw error;
    });
    return this.#commit;
  }

  async abort(): Promise<void> {
    if (this.#isCommitted) return;
    this.#ended.abort();
    this.#buffer = null;
    await this.#commit?.catch(() => {});
    // The server may have stored a PUT whose answer never came.
    if (this.#wasSent && !this.#isCommitted) await this.bucket.remove(this.key);
  }

  async suspend(): Promise<SafeState> {
    await this.#commit?.catch(() => {});
    this.#ended.abort();
    this.#buffer = null;
    return this.state();
  }

  async #publish(): Promise<void> {
    if (this.#ended.signal.aborted) throw new BlobUploadLostError(this.key);
    if (this.#acceptedBytes !== this.sizeBytes) throw this.#sizeMismatch();
    const body = this.#buffer ?? Buffer.alloc(0);
    const { signal } = this.#ended;
    this.#wasSent = true;
    await retried(this.retryDelaysMs, () => this.bucket.put(this.key, body, signal), signal);
    this.#isCommitted = true;
    this.#buffer = null;
  }

  #sizeMismatch(): BlobSizeMismatchError {
    return new BlobSizeMismatchError(this.key, this.sizeBytes, this.#acceptedBytes);
  }
}
