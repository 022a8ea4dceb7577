import type { FileHandle } from 'node:fs/promises';

/**
 * One write each. A larger one makes the kernel take larger pieces of memory for its page cache, and where a machine is
 * virtual those are the ones its host took back: filling them costs several times the copy (measured: 400 MB in 0.1 s
 * CPU by 512 KiB, 0.5 s by 1 MiB, 0.8 s by 4 MiB).
 */
const batchBytes = 512 * 1024;
const maxQueuedBuffers = 6;
/** What is on the disk already need not be waited for at the end. Each sync takes one of the process' few I/O threads. */
const syncEveryBytes = 8 * 1024 * 1024;
const maxSyncs = 2;
let runningSyncs = 0;
/** Kept between files: fresh memory costs more than copying into memory that is warm. */
const maxIdleBuffers = 16;
const idleBuffers: Buffer[] = [];

/**
 * Appends to an open file in batches of 512 KiB, one write at a time, with at most about 4 MiB in memory. Chunks are
 * copied, so they are the caller's again at once.
 */
export class BatchedFile {
  #filling: Buffer | null = null;
  #filledBytes = 0;
  #full: Buffer[] = [];
  #inFlight: Promise<void> | null = null;
  #failure: { error: unknown } | null = null;
  #sync: Promise<void> | null = null;
  #syncedBytes: number;

  constructor(
    readonly handle: FileHandle,
    private positionBytes: number,
  ) {
    this.#syncedBytes = positionBytes;
  }

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
    if (this.#full.length >= maxQueuedBuffers) return this.#settled();
  }

  /** Resolves when everything appended so far is written. */
  async flush(): Promise<void> {
    this.#close();
    while (this.#inFlight !== null || this.#full.length > 0) {
      this.#start();
      await this.#settled();
    }
    await this.#sync;
    if (this.#failure !== null) throw this.#failure.error;
  }

  /** Throws away what waits, lets the running write end, and closes the file. */
  async close(): Promise<void> {
    this.#drop();
    await this.#inFlight;
    await this.#sync;
    await this.handle.close();
  }

  /** The buffer that fills is next to be written, full or not. */
  #close(): void {
    if (this.#filling !== null) this.#full.push(this.#filling.subarray(0, this.#filledBytes));
    this.#filling = null;
    this.#filledBytes = 0;
  }

  #start(): void {
    if (this.#inFlight !== null) return;
    const batch = this.#full.shift();
    if (batch !== undefined) this.#inFlight = this.#write(batch);
  }

  async #write(batch: Buffer): Promise<void> {
    try {
      await this.#writeFully(batch);
    } catch (error) {
      this.#failure = { error };
      this.#drop();
    }
    this.#syncBehind();
    reuse(batch);
    this.#inFlight = null;
    this.#start();
  }

  /** A write may end early, most of all when the disk is nearly full. */
  async #writeFully(batch: Buffer): Promise<void> {
    for (let done = 0; done < batch.length; ) {
      const { bytesWritten } = await this.handle.write(batch, done, batch.length - done, this.positionBytes);
      this.positionBytes += bytesWritten;
      done += bytesWritten;
    }
  }

  /** A failure is told to one sync only, so it has to be remembered for whoever syncs at the end. */
  #syncBehind(): void {
    if (this.positionBytes - this.#syncedBytes < syncEveryBytes || this.#sync !== null || runningSyncs >= maxSyncs) return;
    this.#syncedBytes = this.positionBytes;
    runningSyncs += 1;
    this.#sync = this.handle
      .datasync()
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => {
        runningSyncs -= 1;
        this.#sync = null;
      });
  }

  async #settled(): Promise<void> {
    await this.#inFlight;
    if (this.#failure !== null) throw this.#failure.error;
  }

  #drop(): void {
    this.#close();
    for (const batch of this.#full.splice(0)) reuse(batch);
  }
}

function reuse({ buffer }: Buffer): void {
  if (idleBuffers.length < maxIdleBuffers) idleBuffers.push(Buffer.from(buffer));
}
