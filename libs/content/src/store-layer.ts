// A layer that is made here: plain tar → diff id → gzip → digest → store, in one pass.
import { createHash } from 'node:crypto';
import { type Descriptor, type Digest, MEDIA_TYPES } from '@entrepot/oci';
import type { ContentContext } from './context.js';
import { openIngest, type StoredObject } from './ingest.js';
import { packed } from './packed.js';

/** A layer whose bytes are in the store, and which is no blob until `createImage` makes it one. */
export interface StoredLayer {
  /** Resolves when a power cut cannot take them away again; `createImage` waits for it. */
  object: Promise<StoredObject>;
  descriptor: Descriptor;
  /** The digest of the plain tar. */
  diffId: Digest;
  uncompressedBytes: number;
  /** Removes the bytes of a layer that no image took. Idempotent. */
  discard(): Promise<void>;
}

export interface StoreLayerOptions {
  /** Who writes, for instance `commit:<id>`. */
  owner: string;
  signal?: AbortSignal;
}

const uploadKeptMs = 60 * 60_000;

/** Packs and stores the tar of a layer. Whatever fails, the source among it, leaves nothing behind. */
export async function storeLayer(
  context: ContentContext,
  tar: AsyncIterable<Buffer>,
  { owner, signal }: StoreLayerOptions,
): Promise<StoredLayer> {
  const ingest = await openIngest(context, { owner, ttlMs: uploadKeptMs });
  try {
    const hash = createHash('sha256');
    let uncompressedBytes = 0;
    const hashed = async function* (): AsyncGenerator<Buffer> {
      for await (const chunk of tar) {
        hash.update(chunk);
        uncompressedBytes += chunk.length;
        yield chunk;
      }
    };
    let sizeBytes = 0;
    for await (const chunk of packed(hashed(), signal)) {
      await ingest.write(chunk);
      sizeBytes += chunk.length;
    }
    const digest = ingest.seal() as Digest;
    const object = ingest.finish();
    object.catch(() => {});
    return {
      object,
      descriptor: { mediaType: MEDIA_TYPES.ociLayerGzip, digest, sizeBytes },
      diffId: `sha256:${hash.digest('hex')}`,
      uncompressedBytes,
      discard: () => ingest.abort(),
    };
  } catch (error) {
    await ingest.abort();
    throw error;
  }
}
