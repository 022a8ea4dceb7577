import { BlobSizeMismatchError, type SafeState, type Upload } from './blob-store.js';
import type { StorageKey } from './storage-key.js';

/** What a resume gives when the earlier worker died right after its commit: everything is there already. */
export class CommittedUpload implements Upload {
  #isKept = false;

  constructor(
    private readonly key: StorageKey,
    readonly offsetBytes: number,
    private readonly discard: () => Promise<void>,
  ) {}

  write(chunk: Buffer): void | Promise<void> {
    if (chunk.length === 0) return;
    return Promise.reject(new BlobSizeMismatchError(this.key, this.offsetBytes, this.offsetBytes + chunk.length));
  }

  state(): SafeState {
    return { safeBytes: this.offsetBytes, state: {} };
  }

  async commit(): Promise<void> {
    this.#isKept = true;
  }

  async abort(): Promise<void> {
    if (!this.#isKept) await this.discard();
  }

  async suspend(): Promise<SafeState> {
    return this.state();
  }
}
