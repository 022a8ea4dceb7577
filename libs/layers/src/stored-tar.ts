import type { Readable } from 'node:stream';
import { asCorruptStream, decompressed } from './decompress.js';

/** A tar that is stored somehow, of which the plain bytes can be read from some places on. */
export interface StoredTar {
  /** Whether it can be read from anywhere, so that the order in which its files are asked for does not matter. */
  readonly isPlain?: boolean;
  /** The nearest place at or before a byte of the plain tar where reading can begin. */
  startBefore(plainByte: number): number | Promise<number>;
  /**
   * The plain bytes from such a place on, at least up to `end`. Leaving the loop ends what was opened.
   *
   * @throws {CorruptStreamError} it does not unpack
   */
  read(start: number, end: number): AsyncGenerator<Buffer>;
}

/** A tar that is stored as it is, so that any part of it can be opened. */
export function plainTar(open: (range: { fromByte: number; toByte: number }) => Promise<Readable>): StoredTar {
  return {
    isPlain: true,
    startBefore: (plainByte) => plainByte,
    read: async function* (start, end) {
      yield* drained(await open({ fromByte: start, toByte: end }));
    },
  };
}

/** A tar of which nothing is known, perhaps packed: it can be read from its beginning only. */
export function streamedTar(open: () => Promise<Readable>): StoredTar {
  return {
    startBefore: () => 0,
    read: async function* () {
      yield* unpacked(await open());
    },
  };
}

/** What a stream unpacks to, as far as it is read. */
export async function* unpacked(source: Readable): AsyncGenerator<Buffer> {
  try {
    const { stream } = await decompressed(source);
    yield* drained(stream);
  } catch (error) {
    throw asCorruptStream(error);
  } finally {
    source.destroy();
  }
}

async function* drained(stream: Readable): AsyncGenerator<Buffer> {
  try {
    yield* stream as AsyncIterable<Buffer>;
  } finally {
    stream.destroy();
  }
}
