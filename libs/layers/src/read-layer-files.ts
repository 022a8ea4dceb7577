import type { Readable } from 'node:stream';
import { ByteSource } from './byte-source.js';
import { asCorruptStream, decompressed } from './decompress.js';
import { InvalidTarError } from './errors.js';
import type { IndexEntry } from './index-entry.js';
import { expandSparse } from './sparse.js';

/**
 * The content of files of one stored layer, in the order of the layer, in one pass that ends with the last of them. A
 * content may be left unread. The source is destroyed when the loop ends, however it ends.
 *
 * @throws {InvalidTarError} the layer ends before a file does: index and layer do not belong together
 * @throws {CorruptStreamError} the layer does not unpack
 */
export async function* readLayerFiles(
  layer: Readable,
  files: readonly IndexEntry[],
): AsyncGenerator<[IndexEntry, AsyncIterable<Buffer>]> {
  try {
    const { stream } = await decompressed(layer);
    const source = new ByteSource(stream);
    const inOrder = [...files].sort((a, b) => a.offsetBytes - b.offsetBytes);
    for (const entry of inOrder) {
      if (!(await source.skip(entry.offsetBytes - source.offset))) throw new InvalidTarError('cut', entry.path);
      yield [entry, contentOf(entry, bodyOf(entry, source))];
    }
    stream.destroy();
  } catch (error) {
    throw asCorruptStream(error);
  } finally {
    layer.destroy();
  }
}

/** The content of one file; reads no more of the layer than up to its end. */
export async function* readLayerFile(layer: Readable, file: IndexEntry): AsyncGenerator<Buffer> {
  for await (const [, content] of readLayerFiles(layer, [file])) yield* content;
}

/** Where in a plain layer a file's body is. */
export function bodyRange({ offsetBytes, storedBytes }: IndexEntry): { fromByte: number; toByte: number } {
  return { fromByte: offsetBytes, toByte: offsetBytes + storedBytes };
}

/** The content of one file out of exactly the bytes of its body, `bodyRange` of a layer that is stored plain. */
export async function* readFileBody(body: Readable, file: IndexEntry): AsyncGenerator<Buffer> {
  try {
    yield* contentOf(file, body as AsyncIterable<Buffer>);
  } finally {
    body.destroy();
  }
}

function contentOf(entry: IndexEntry, body: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  if (entry.sparse === null) return body;
  const { pax, old } = entry.sparse;
  return expandSparse({ name: entry.path, pax, oldSparse: old, sizeBytes: entry.storedBytes }, body);
}

async function* bodyOf(entry: IndexEntry, source: ByteSource): AsyncGenerator<Buffer> {
  const end = entry.offsetBytes + entry.storedBytes;
  while (source.offset < end) {
    const piece = await source.take(end - source.offset);
    if (piece === null) throw new InvalidTarError('cut', entry.path);
    yield piece;
  }
}
