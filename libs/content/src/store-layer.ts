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

/**
 * Packs and stores the tar of a layer. Whatever fails before it returns, the source among it, leaves nothing behind;
 * after that the caller makes an image of it, or discards it.
 */
export async function storeLayer(
  context: ContentContext,
  tar: AsyncIterable<Buffer>,
  { owner, signal }: StoreLayerOptions,
): Promise<StoredLayer> {
  const hash = createHash('sha256');
  let uncompressedBytes = 0;
  const hashed = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of tar) {
      hash.update(chunk);
      uncompressedBytes += chunk.length;
      yield chunk;
    }
  };
  const chunks = packed(hashed(), signal);
  // The source has to look for its first bytes as well.
  const first = chunks.next();
  first.catch(() => {});
  // Not waited for: a source that stands still must not keep whoever has given up.
  const letGo = (): void => void chunks.return(undefined).catch(() => {});
  const ingest = await openIngest(context, { owner, ttlMs: uploadKeptMs }).catch((error: unknown) => {
    letGo();
    throw error;
  });
  try {
    let sizeBytes = 0;
    for (let chunk = await first; !chunk.done; chunk = await chunks.next()) {
      await ingest.write(chunk.value);
      sizeBytes += chunk.value.length;
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
    letGo();
    await ingest.abort();
    throw error;
  }
}
