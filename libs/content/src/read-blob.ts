import type { Readable } from 'node:stream';
import { BlobNotFoundError, type ByteRange } from '@entrepot/blob-store';
import { type BlobRow, findBlobs } from '@entrepot/database';
import type { Digest } from '@entrepot/oci';
import type { ContentContext } from './context.js';
import { BlobGoneError, BlobMismatchError } from './errors.js';

/** A blob to read; whoever has its row saves looking for it. */
type ReadableBlob = Digest | BlobRow;

/**
 * Opens a blob's bytes. A lease or a reference of the caller keeps them while they are read; without, they may end
 * early. The caller reads the stream to its end or destroys it.
 *
 * @throws {BlobGoneError} no such blob here
 */
export async function openBlob(
  context: ContentContext,
  blob: ReadableBlob,
  range?: ByteRange,
  signal?: AbortSignal,
): Promise<Readable> {
  return await openRow(context, await getRow(context, blob), range, signal);
}

/**
 * The same in pieces, each good until the next one is asked for.
 *
 * @throws {BlobGoneError} no such blob here
 */
export async function* blobPieces(
  context: ContentContext,
  digest: Digest,
  range?: ByteRange,
  signal?: AbortSignal,
): AsyncGenerator<Buffer> {
  const { storageKey } = await getRow(context, digest);
  try {
    yield* context.store.pieces(storageKey, range, signal);
  } catch (error) {
    throw goneOr(error, digest);
  }
}

/**
 * Reads a small blob whole.
 *
 * @throws {BlobGoneError} no such blob here; @throws {BlobMismatchError} it is larger than `maxBytes`
 */
export async function readBlob(context: ContentContext, blob: ReadableBlob, maxBytes: number): Promise<Buffer> {
  const row = await getRow(context, blob);
  const { digest } = row;
  if (row.sizeBytes > maxBytes) throw new BlobMismatchError({ digest, sizeBytes: maxBytes }, row);
  const chunks: Buffer[] = [];
  for await (const chunk of await openRow(context, row)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function getRow(context: ContentContext, blob: ReadableBlob): Promise<BlobRow> {
  if (typeof blob !== 'string') return blob;
  const [row] = await findBlobs(context.database.prisma, [blob]);
  if (row === undefined) throw new BlobGoneError(blob);
  return row;
}

async function openRow(
  context: ContentContext,
  { digest, storageKey }: BlobRow,
  range?: ByteRange,
  signal?: AbortSignal,
): Promise<Readable> {
  try {
    return await context.store.open(storageKey, range, signal);
  } catch (error) {
    throw goneOr(error, digest);
  }
}

const goneOr = (error: unknown, digest: Digest) =>
  error instanceof BlobNotFoundError ? new BlobGoneError(digest) : error;
