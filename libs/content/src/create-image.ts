import { type Descriptor, type Digest, descriptorJson, digestOf, isForeignLayerType, MEDIA_TYPES } from '@entrepot/oci';
import { admitBlobs, settleFetches } from './admit.js';
import type { ContentContext } from './context.js';
import type { PublishedManifest } from './describe-image.js';
import { openIngest, type StoredObject } from './ingest.js';
import { type PublishedName, type PublishOptions, type PublishResult, publishImages } from './publish.js';
import type { StoredLayer } from './store-layer.js';

/** An image that is made here: by a commit, an import or a build. */
export interface NewImage {
  /** The config's bytes, as `printImageConfig` gives them. */
  config: Buffer;
  /** Layers that are here, lowest first: the caller leases them, or an image that stays has them. */
  below: readonly Descriptor[];
  /** What comes on top; becomes a blob with the image, or is discarded. */
  added: StoredLayer | null;
  names: readonly PublishedName[];
  /** The image it was made from, for `docker history` and for removal. */
  parentId: Digest | null;
}

export interface CreateImageOptions extends PublishOptions {
  /** Who writes. */
  owner: string;
  /** So long the owner leases what is new, whatever becomes of the image; no lease without it. */
  leaseMs?: number;
}

/** What was made. */
export interface CreatedImage extends PublishResult {
  manifestDigest: Digest;
  /** Pulls that are due for publishing because its blobs are here. */
  duePulls: string[];
}

const uploadKeptMs = 600_000;

/**
 * Stores config and manifest of a new image and makes it visible, with its new layer, in one transaction. Making the
 * same image again changes only its names.
 */
export async function createImage(
  context: ContentContext,
  { config, below, added, names, parentId }: NewImage,
  { owner, leaseMs, ...options }: CreateImageOptions,
): Promise<CreatedImage> {
  const digest = digestOf(config);
  const layers = added === null ? below : [...below, added.descriptor];
  const descriptor = { mediaType: MEDIA_TYPES.ociConfig, digest, sizeBytes: config.length };
  const manifest = { ...describeNewManifest(descriptor, layers), config, parentId };
  const image = { names, target: manifest.digest, shown: manifest.digest, manifests: [manifest], fromRegistry: false };
  const ingest = await openIngest(context, { digest, sizeBytes: config.length, owner, ttlMs: uploadKeptMs });
  try {
    await ingest.write(config);
    const objects: StoredObject[] = await Promise.all([ingest.finish(), ...(added === null ? [] : [added.object])]);
    return await context.database.transaction(async (tx) => {
      await admitBlobs(tx, objects, leaseMs === undefined ? undefined : { owner, leaseMs });
      const { duePulls } = await settleFetches(
        tx,
        objects.map((object) => object.digest),
      );
      const [published] = await publishImages(tx, [image], options);
      return { ...(published as PublishResult), manifestDigest: manifest.digest, duePulls };
    });
  } catch (error) {
    await ingest.abort();
    await added?.discard();
    throw error;
  }
}

/** An OCI manifest; layers of Docker's own media types get the OCI names of the same bytes. */
function describeNewManifest(config: Descriptor, layers: readonly Descriptor[]): PublishedManifest {
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.ociManifest,
      config: descriptorJson(config),
      layers: layers.map((layer) => descriptorJson(asOciLayer(layer))),
    }),
  );
  return { digest: digestOf(bytes), mediaType: MEDIA_TYPES.ociManifest, bytes };
}

function asOciLayer({ mediaType, digest, sizeBytes, urls }: Descriptor): Descriptor {
  const plain = { mediaType: ociTypes[mediaType] ?? mediaType, digest, sizeBytes };
  return isForeignLayerType(mediaType) ? { ...plain, urls } : plain;
}

const ociTypes: Readonly<Record<string, string>> = {
  [MEDIA_TYPES.dockerLayer]: MEDIA_TYPES.ociLayer,
  [MEDIA_TYPES.dockerLayerGzip]: MEDIA_TYPES.ociLayerGzip,
  [MEDIA_TYPES.dockerLayerZstd]: MEDIA_TYPES.ociLayerZstd,
  [MEDIA_TYPES.dockerForeignLayer]: MEDIA_TYPES.ociForeignLayerGzip,
};
