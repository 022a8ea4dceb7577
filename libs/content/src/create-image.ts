import { setImageParent } from '@entrepot/database';
import { type Descriptor, type Digest, descriptorJson, digestOf, isForeignLayerType, MEDIA_TYPES } from '@entrepot/oci';
import { storeBytes } from './admit.js';
import { type ContentContext, pullLeaseMs } from './context.js';
import type { PublishedManifest } from './describe-image.js';
import { type PublishedName, type PublishOptions, type PublishResult, publishImages } from './publish.js';

/** An image that is made here: by a commit, an import or a build. */
export interface NewImage {
  /** The config's bytes, as `printImageConfig` gives them. */
  config: Buffer;
  /** All layers, lowest first; stored, and leased by `owner` or held by an image that stays. */
  layers: readonly Descriptor[];
  names: readonly PublishedName[];
  /** The image it was made from, for `docker history` and for removal. */
  parentId: Digest | null;
}

export interface CreateImageOptions extends PublishOptions {
  /** Who leases the config, and keeps or releases the lease afterwards. */
  owner: string;
  leaseMs?: number;
}

/** Stores config and manifest of a new image and makes it visible. Making the same image again changes only its names. */
export async function createImage(
  context: ContentContext,
  { config, layers, names, parentId }: NewImage,
  { owner, leaseMs = pullLeaseMs, ...options }: CreateImageOptions,
): Promise<PublishResult & { manifestDigest: Digest; duePulls: string[] }> {
  const { digest, duePulls } = await storeBytes(context, config, { owner, leaseMs });
  const manifest = describeNewManifest({ digest, sizeBytes: config.length }, layers, config);
  const image = { names, target: manifest.digest, shown: manifest.digest, manifests: [manifest], fromRegistry: false };
  const result = await context.database.transaction(async (tx) => {
    const [published] = await publishImages(tx, [image], options);
    if (parentId !== null) await setImageParent(tx, digest, parentId);
    return published as PublishResult;
  });
  return { ...result, manifestDigest: manifest.digest, duePulls };
}

/** An OCI manifest; layers of Docker's own media types get the OCI names of the same bytes. */
function describeNewManifest(
  { digest, sizeBytes }: { digest: Digest; sizeBytes: number },
  layers: readonly Descriptor[],
  config: Buffer,
): PublishedManifest {
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.ociManifest,
      config: descriptorJson({ mediaType: MEDIA_TYPES.ociConfig, digest, sizeBytes }),
      layers: layers.map((layer) => descriptorJson(asOciLayer(layer))),
    }),
  );
  return { digest: digestOf(bytes), mediaType: MEDIA_TYPES.ociManifest, bytes, config };
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
