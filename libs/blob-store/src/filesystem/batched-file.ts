import type { FileHandle } from 'node:fs/promises';

const batchBytes = 1024 * 1024;
const maxQueuedBytes = 4 * batchBytes;
/** Kept between files: fresh memory costs more than copying into memory that is warm. */
const maxIdleBuffers = 16;
const idleBuffers: Buffer[] = [];

/**
 * Appends to an open file in batches of 1 MiB, one write at a time, with at most about 4 MiB in memory. Chunks are
 * copied, so they are the caller's again at once.
 */
export class BatchedFile {
  #filling: Buffer | null = null;
  #filledBytes = 0;
  #full: Buffer[] = [];
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
    for (let from = 0; from < chunk.length; ) {
      this.#filling ??= idleBuffers.pop() ?? Buffer.allocUnsafeSlow(batchBytes);
      const copied = chunk.copy(this.#filling, this.#filledBytes, from);
      this.#filledBytes += copied;
      from += copied;
      if (this.#filledBytes === batchBytes) this.#close();
    }
    this.#start();
    if (this.#full.length * batchBytes + this.#inFlightBytes >= maxQueuedBytes) return this.#settled();
  }

  /** Resolves when everything appended so far is written. */
  async flush(): Promise<void> {
    this.#close();
    while (this.#inFlight !== null || this.#full.length > 0) {
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

  /** The buffer that fills is next to be written, full or not. */
  #close(): void {
    if (this.#filling !== null) this.#full.push(this.#filling.subarray(0, this.#filledBytes));
    this.#filling = null;
    this.#filledBytes = 0;
  }

  #start(): void {
    if (this.#inFlight !== null || this.#full.length === 0) return;
    const batch = this.#full.splice(0);
    this.#inFlightBytes = batch.reduce((sum, buffer) => sum + buffer.length, 0);
    this.#inFlight = this.#write(batch);
  }

  async #write(batch: Buffer[]): Promise<void> {
    try {
      await this.#writeFully(batch);
    } catch (error) {
      this.#failure = { error };
      this.#drop();
    }
    reuse(batch);
    this.#inFlight = null;
    this.#inFlightBytes = 0;
    this.#start();
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
    this.#close();
    reuse(this.#full.splice(0));
  }
}

function reuse(batch: readonly Buffer[]): void {
  for (const { buffer } of batch) {
    if (idleBuffers.length < maxIdleBuffers) idleBuffers.push(Buffer.from(buffer));
  }
}

function withoutFirst(chunks: Buffer[], bytes: number): Buffer[] {
  let left = bytes;
  for (const [index, chunk] of chunks.entries()) {
    if (left < chunk.length) return [chunk.subarray(left), ...chunks.slice(index + 1)];
    left -= chunk.length;
  }
  return [];
}
