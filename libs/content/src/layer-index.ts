// The index of a layer is made of ordinary blobs that the layer owns: they go when it goes.
import { randomUUID } from 'node:crypto';
import { listLayerIndex, putLayerIndex, type Tx } from '@entrepot/database';
import type { Digest } from '@entrepot/oci';
import { storeBytes } from './admit.js';
import type { ContentContext } from './context.js';
import { LayerNotIndexedError } from './errors.js';
import { releaseLeases } from './leasing.js';
import { openBlob } from './read-blob.js';

const partLeaseMs = 6 * 60 * 60_000;

/** An index on its way in, part after part. Ends with `end`, before that perhaps with `publish`. */
export interface LayerIndexIngest {
  /** Stores the next part. */
  store(part: Buffer): Promise<void>;
  /** Makes the parts the index of their layer, in the caller's transaction. A no-op when the layer is gone. */
  publish(tx: Tx): Promise<void>;
  /** Lets go of the parts: those that no layer owns are collected. */
  end(): Promise<void>;
}

/** Starts to take in the index of a layer. Several at once do not disturb each other. */
export function openLayerIndexIngest(context: ContentContext, layer: Digest): LayerIndexIngest {
  const owner = `index:${randomUUID()}`;
  const parts: Digest[] = [];
  return {
    store: async (part) => {
      const { digest } = await storeBytes(context, part, { owner, leaseMs: partLeaseMs });
      parts.push(digest);
    },
    publish: (tx) => putLayerIndex(tx, layer, parts),
    end: () => releaseLeases(context, owner),
  };
}

/**
 * The stored bytes of a layer's index, part after part.
 *
 * @throws {LayerNotIndexedError} the layer is gone or not analysed; @throws {BlobGoneError} it goes while it is read
 */
export async function* openLayerIndex(context: ContentContext, layer: Digest): AsyncGenerator<Buffer> {
  const parts = await listLayerIndex(context.database.prisma, layer);
  if (parts.length === 0) throw new LayerNotIndexedError(layer);
  for (const part of parts) yield* (await openBlob(context, part)) as AsyncIterable<Buffer>;
}
