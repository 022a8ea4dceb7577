import { BlobUploadLostError, type SafeState, type Upload } from '../blob-store.js';
import type { StorageKey } from '../storage-key.js';

/**
 * An upload whose size shows only at its end: held in memory as long as one PUT
 * would do, and handed to an upload of several parts when it grows beyond.
 */
export class UnsizedUpload implements Upload {
  readonly offsetBytes = 0;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #inner: Upload | null = null;
  #starting: Promise<Upload> | null = null;
  #isEnded = false;

  constructor(
    private readonly key: StorageKey,
    private readonly maxHeldBytes: number,
    private readonly start: (sizeBytes: number | null) => Promise<Upload>,
  ) {}

  write(chunk: Buffer): void | Promise<void> {
    if (this.#isEnded) return Promise.reject(new BlobUploadLostError(this.key));
    if (this.#inner !== null) return this.#inner.write(chunk);
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes > this.maxHeldBytes) return this.#hand(null).then(() => {});
  }

  state(): SafeState {
    return this.#inner?.state() ?? { safeBytes: 0, state: {} };
  }

  async commit(): Promise<void> {
    if (this.#isEnded) throw new BlobUploadLostError(this.key);
    const inner = await this.#hand(this.#heldBytes > this.maxHeldBytes ? null : this.#heldBytes);
    await inner.commit();
  }

  async abort(): Promise<void> {
    this.#end();
    await (await this.#started())?.abort();
  }

  async suspend(): Promise<SafeState> {
    this.#end();
    await (await this.#started())?.suspend();
    return this.state();
  }

  /** Once; what is written meanwhile is held and follows. A start that failed may be tried again. */
  #hand(sizeBytes: number | null): Promise<Upload> {
    this.#starting ??= this.#startInner(sizeBytes).catch((error) => {
      this.#starting = null;
      throw error;
    });
    return this.#starting;
  }

  async #startInner(sizeBytes: number | null): Promise<Upload> {
    const inner = await this.start(sizeBytes);
    for (let chunk = this.#held.shift(); chunk !== undefined; chunk = this.#held.shift()) await inner.write(chunk);
    this.#inner = inner;
    return inner;
  }

  #started(): Promise<Upload | null> {
    return this.#starting?.catch(() => null) ?? Promise.resolve(null);
  }

  #end(): void {
    if (this.#inner === null) this.#isEnded = true;
    this.#held = [];
  }
}
