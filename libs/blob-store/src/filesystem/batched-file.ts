import type { FileHandle } from 'node:fs/promises';

const batchBytes = 1024 * 1024;
const maxQueuedBytes = 4 * batchBytes;
/** One writev takes 1024 buffers on Linux (IOV_MAX). */
const maxBatchChunks = 1024;

/** Appends to an open file in batches of about 1 MiB, one write at a time, with at most about 4 MiB in memory. */
export class BatchedFile {
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #inFlightBytes = 0;
  #inFlight: Promise<void> | null = null;
  #failure: { error: unknown } | null = null;

  constructor(
    readonly handle: FileHandle,
    private positionBytes: number,
  ) {}

  /** The end of what the operating system has. */
  get writtenBytes(): number {
    return this.positionBytes;
  }

  /** Returns a promise when the queue is full. After a failed write everything fails with the same error. */
  append(chunk: Buffer): void | Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure.error);
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    if (this.#waitingBytes >= batchBytes || this.#waiting.length >= maxBatchChunks) this.#start();
    if (this.#waitingBytes + this.#inFlightBytes > maxQueuedBytes) return this.#settled();
  }

  /** Resolves when everything appended so far is written. */
  async flush(): Promise<void> {
    while (this.#inFlight !== null || this.#waiting.length > 0) {
      this.#start();
      await this.#settled();
    }
    if (this.#failure !== null) throw this.#failure.error;
  }

  /** Throws away what waits, lets the running write end, and closes the file. */
  async close(): Promise<void> {
    this.#drop();
    await this.#inFlight;
    await this.handle.close();
  }

  #start(): void {
    if (this.#inFlight !== null || this.#waiting.length === 0) return;
    const batch = this.#waiting.splice(0, maxBatchChunks);
    this.#inFlightBytes = this.#waiting.length === 0 ? this.#waitingBytes : totalBytes(batch);
    this.#waitingBytes -= this.#inFlightBytes;
    this.#inFlight = this.#write(batch);
  }

  async #write(batch: Buffer[]): Promise<void> {
    try {
      await this.#writeFully(batch);
    } catch (error) {
      this.#failure = { error };
      this.#drop();
    }
    this.#inFlight = null;
    this.#inFlightBytes = 0;
    if (this.#waitingBytes >= batchBytes || this.#waiting.length >= maxBatchChunks) this.#start();
  }

  /** A write may end early, most of all when the disk is nearly full. */
  async #writeFully(batch: Buffer[]): Promise<void> {
    let rest = batch;
    while (rest.length > 0) {
      const { bytesWritten } = await this.handle.writev(rest, this.positionBytes);
      this.positionBytes += bytesWritten;
      rest = withoutFirst(rest, bytesWritten);
    }
  }

  async #settled(): Promise<void> {
    await this.#inFlight;
    if (this.#failure !== null) throw this.#failure.error;
  }

  #drop(): void {
    this.#waiting = [];
    this.#waitingBytes = 0;
  }
}

function totalBytes(chunks: Buffer[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.length, 0);
}

function withoutFirst(chunks: Buffer[], bytes: number): Buffer[] {
  let left = bytes;
  for (const [index, chunk] of chunks.entries()) {
    if (left < chunk.length) return [chunk.subarray(left), ...chunks.slice(index + 1)];
    left -= chunk.length;
  }
  return [];
}
