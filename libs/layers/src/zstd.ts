import { Transform, type TransformCallback } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import * as zlib from 'node:zlib';
import { CorruptStreamError } from './errors.js';
import { loadZstdBinding, type StreamDecompressor } from './zstd-binding.js';
import { maxPieceOutputBytes, ZstdFrames } from './zstd-frames.js';

type Emit = (output: Buffer) => void | Promise<void>;

interface PieceDecoder {
  decode(piece: Buffer, emit: Emit): Promise<void>;
}

/** Decompresses zstd of any number of frames, by node:zlib where it can and by an addon on Node 20. */
export class ZstdDecompressor extends Transform {
  /** Compressed bytes taken in so far, as zlib's streams count them. */
  bytesWritten = 0;
  #plainBytes = 0;
  readonly #frames: ZstdFrames;
  readonly #decoder: PieceDecoder = hasNodeZstd() ? new NodeDecoder() : new AddonDecoder();
  #resume: (() => void) | null = null;

  /** `onFrame` is told where each frame begins, in what is taken in and in what comes out. */
  constructor(onFrame?: (packedBytes: number, plainBytes: number) => void) {
    super({ readableHighWaterMark: 256 * 1024 });
    this.#frames = new ZstdFrames((packedBytes) => onFrame?.(packedBytes, this.#plainBytes));
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.bytesWritten += chunk.length;
    this.#decode(chunk).then(() => done(), done);
  }

  override _flush(done: TransformCallback): void {
    try {
      this.#frames.end();
      done();
    } catch (error) {
      done(error as Error);
    }
  }

  override _read(size: number): void {
    const resume = this.#resume;
    this.#resume = null;
    if (resume) resume();
    else super._read(size);
  }

  async #decode(chunk: Buffer): Promise<void> {
    let sinceTurn = 0;
    for (const piece of this.#frames.split(chunk)) {
      await this.#decoder.decode(piece, (output) => {
        sinceTurn += output.length;
        return this.#emit(output);
      });
      // The addon's buffers are given back between turns of the event loop only, and a chunk may become gigabytes.
      if (sinceTurn > 4 * maxPieceOutputBytes) {
        sinceTurn = 0;
        await setImmediate();
      }
    }
  }

  /** Unlike a usual transform, waits for the reader: one chunk may become gigabytes. */
  #emit(output: Buffer): void | Promise<void> {
    this.#plainBytes += output.length;
    if (output.length === 0 || this.push(output)) return;
    return new Promise((resolve) => {
      this.#resume = resolve;
    });
  }
}

/**
 * The addon decodes all bytes copied since its buffer was last full, and starts over only when the buffer is exactly
 * full. So after each piece the rest is filled up with bytes that are never decoded.
 */
class AddonDecoder implements PieceDecoder {
  readonly #stream: StreamDecompressor = new (loadZstdBinding().StreamDecompressor)({});
  readonly #filler = Buffer.alloc(this.#stream.getBlockSize());

  async decode(piece: Buffer, emit: Emit): Promise<void> {
    for (let at = 0; at < piece.length; at += this.#filler.length) {
      for (const output of this.#step(piece.subarray(at, at + this.#filler.length))) await emit(output);
    }
  }

  #step(piece: Buffer): Buffer[] {
    let outcome: { error: Error | null; output?: Buffer[] } = { error: null };
    this.#stream.copy(piece);
    this.#stream.decompress((error, output) => {
      outcome = { error, output };
    }, false);
    this.#stream.copy(this.#filler.subarray(piece.length));
    if (outcome.error) throw new CorruptStreamError('zstd', outcome.error.message, { cause: outcome.error });
    return outcome.output ?? [];
  }
}

/** Pieces never cross a frame border, so one native stream decodes frame after frame. */
class NodeDecoder implements PieceDecoder {
  readonly #stream = createNodeDecompressor();

  async decode(piece: Buffer, emit: Emit): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const fail = (cause: Error) => reject(new CorruptStreamError('zstd', cause.message, { cause }));
      this.#stream.once('error', fail);
      this.#stream.write(piece, (error) => {
        if (error) return fail(error);
        this.#stream.off('error', fail);
        resolve();
      });
    });
    const output: Buffer | null = this.#stream.read();
    if (output) await emit(output);
  }
}

type NodeZstd = { createZstdDecompress(options: zlib.ZlibOptions & { readableHighWaterMark: number }): Transform };

function hasNodeZstd(): boolean {
  return 'createZstdDecompress' in zlib;
}

function createNodeDecompressor(): Transform {
  // One piece never fills the buffer, so its write always ends without a reader.
  return (zlib as unknown as NodeZstd).createZstdDecompress({
    chunkSize: 256 * 1024,
    readableHighWaterMark: 2 * maxPieceOutputBytes,
  });
}
