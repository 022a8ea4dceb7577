import type { FileHandle } from 'node:fs/promises';
import { blockBytes, lendBlocks, lentBytes, returnBlocks } from './block-memory.js';

const maxQueuedBuffers = 6;

/**
 * Appends to an open file in batches of 512 KiB, one write at a time, with at most about 4 MiB in memory. Chunks are
 * copied, so they are the caller's again at once.
 *
 * Whole batches go past the page cache where there is a `direct` handle (opened with O_DIRECT) and it takes them: whoever
 * commits a file waits for the disk anyway, and what is written through the cache is copied once more, drives out what
 * others need there, and costs several times the copy on a virtual machine whose host has taken free memory back.
 */
export class BatchedFile {
  #filling: Buffer | null = null;
  #filledBytes = 0;
  #full: Buffer[] = [];
  #inFlight: Promise<void> | null = null;
  #failure: { error: unknown } | null = null;

  constructor(
    readonly handle: FileHandle,
    private positionBytes: number,
    private direct: FileHandle | null = null,
  ) {}

  /** The end of what the operating system has. */
  get writtenBytes(): number {
    return this.positionBytes;
  }

  /** Returns a promise when the queue is full. After a failed write everything fails with the same error. */
  append(chunk: Buffer): void | Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure.error);
    for (let from = 0; from < chunk.length; ) {
      this.#filling ??= lendBlocks();
      const copied = chunk.copy(this.#filling, this.#filledBytes, from);
      this.#filledBytes += copied;
      from += copied;
      if (this.#filledBytes === lentBytes) this.#close();
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
    if (this.#failure !== null) throw this.#failure.error;
  }

  /** Throws away what waits, lets the running write end, and closes the file. */
  async close(): Promise<void> {
    this.#drop();
    await this.#inFlight;
    await Promise.all([this.handle.close(), this.direct?.close()]);
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
    returnBlocks(batch);
    this.#inFlight = null;
    this.#start();
  }

  /** A write may end early, most of all when the disk is nearly full. */
  async #writeFully(batch: Buffer): Promise<void> {
    for (let done = 0; done < batch.length; ) {
      const bytesWritten = await this.#writeSome(batch, done);
      this.positionBytes += bytesWritten;
      done += bytesWritten;
    }
  }

  async #writeSome(batch: Buffer, from: number): Promise<number> {
    const sizeBytes = batch.length - from;
    const isWhole = [this.positionBytes, from, sizeBytes].every((bytes) => bytes % blockBytes === 0);
    if (this.direct !== null && isWhole) {
      try {
        return (await this.direct.write(batch, from, sizeBytes, this.positionBytes)).bytesWritten;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error;
        // This filesystem wants larger blocks, or none at all.
        await this.direct.close();
        this.direct = null;
      }
    }
    return (await this.handle.write(batch, from, sizeBytes, this.positionBytes)).bytesWritten;
  }

  async #settled(): Promise<void> {
    await this.#inFlight;
    if (this.#failure !== null) throw this.#failure.error;
  }

  #drop(): void {
    this.#close();
    for (const batch of this.#full.splice(0)) returnBlocks(batch);
  }
}
