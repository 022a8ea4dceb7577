// A layer that is made here: plain tar → diff id → gzip → digest → store, in one pass. zlib packs in its own threads;
// level and header are fixed, so that equal tars become equal blobs.
import { createHash } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { constants, createGzip } from 'node:zlib';
import { type Descriptor, type Digest, MEDIA_TYPES } from '@entrepot/oci';
import { admitBlob, settleFetches } from './admit.js';
import { type ContentContext, pullLeaseMs } from './context.js';
import { type Ingest, openIngest, type StoredObject } from './ingest.js';

/** A stored layer, leased. */
export interface StoredLayer {
  descriptor: Descriptor;
  /** The digest of the plain tar. */
  diffId: Digest;
  uncompressedBytes: number;
  /** Pulls that are due for publishing because this layer is here. */
  duePulls: string[];
}

export interface StoreLayerOptions {
  /** Who leases the layer until an image refers to it. */
  owner: string;
  leaseMs?: number;
  signal?: AbortSignal;
}

const uploadKeptMs = 60 * 60_000;

/** Packs and stores the tar of a layer. Whatever fails, the source among it, leaves nothing behind. */
export async function storeLayer(
  context: ContentContext,
  tar: AsyncIterable<Buffer>,
  { owner, leaseMs = pullLeaseMs, signal }: StoreLayerOptions,
): Promise<StoredLayer> {
  const ingest = await openIngest(context, { owner, ttlMs: uploadKeptMs });
  try {
    const { diffId, uncompressedBytes } = await pack(tar, ingest, signal);
    const stored = await ingest.finish();
    const duePulls = await admit(context, stored, owner, leaseMs);
    const { digest, sizeBytes } = stored;
    return {
      descriptor: { mediaType: MEDIA_TYPES.ociLayerGzip, digest, sizeBytes },
      diffId,
      uncompressedBytes,
      duePulls,
    };
  } catch (error) {
    await ingest.abort();
    throw error;
  }
}

async function pack(
  tar: AsyncIterable<Buffer>,
  ingest: Ingest,
  signal?: AbortSignal,
): Promise<{ diffId: Digest; uncompressedBytes: number }> {
  const hash = createHash('sha256');
  let uncompressedBytes = 0;
  const hashed = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of tar) {
      hash.update(chunk);
      uncompressedBytes += chunk.length;
      yield chunk;
    }
  };
  const gzip = createGzip({ level: constants.Z_BEST_SPEED, chunkSize: 128 * 1024 });
  const keep = async (packed: AsyncIterable<Buffer>): Promise<void> => {
    for await (const chunk of packed) await ingest.write(chunk);
  };
  await pipeline(hashed, gzip, keep, { signal });
  return { diffId: `sha256:${hash.digest('hex')}`, uncompressedBytes };
}

function admit(context: ContentContext, stored: StoredObject, owner: string, leaseMs: number): Promise<string[]> {
  return context.database.transaction(async (tx) => {
    await admitBlob(tx, stored, owner, leaseMs);
    return (await settleFetches(tx, [stored.digest])).duePulls;
  });
}
