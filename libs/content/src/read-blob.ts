import type { Readable } from 'node:stream';
import { BlobNotFoundError, type ByteRange } from '@entrepot/blob-store';
import { findBlobs } from '@entrepot/database';
import type { Digest } from '@entrepot/oci';
import type { ContentContext } from './context.js';
import { BlobGoneError, BlobMismatchError } from './errors.js';

/**
 * Opens a blob's bytes. A lease or a reference of the caller keeps them while they are read; without, they may end
 * early. The caller reads the stream to its end or destroys it.
 *
 * @throws {BlobGoneError} no such blob here
 */
export async function openBlob(
  context: ContentContext,
  digest: Digest,
  range?: ByteRange,
  signal?: AbortSignal,
): Promise<Readable> {
  const [blob] = await findBlobs(context.database.prisma, [digest]);
  if (blob === undefined) throw new BlobGoneError(digest);
  try {
    return await context.store.open(blob.storageKey, range, signal);
  } catch (error) {
    throw error instanceof BlobNotFoundError ? new BlobGoneError(digest) : error;
  }
}

/**
 * Reads a small blob whole.
 *
 * @throws {BlobGoneError} no such blob here; @throws {BlobMismatchError} it is larger than `maxBytes`
 */
export async function readBlob(context: ContentContext, digest: Digest, maxBytes: number): Promise<Buffer> {
  const [blob] = await findBlobs(context.database.prisma, [digest]);
  if (blob === undefined) throw new BlobGoneError(digest);
  if (blob.sizeBytes > maxBytes) throw new BlobMismatchError({ digest, sizeBytes: maxBytes }, blob);
  const chunks: Buffer[] = [];
  for await (const chunk of await openBlob(context, digest)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
