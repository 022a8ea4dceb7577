import { type Compression, UnsupportedCompressionError } from '@entrepot/layers';
import { type Descriptor, descriptorJson, digestOf, MEDIA_TYPES } from '@entrepot/oci';
import type { ArchiveFile } from './archive-files.js';
import { InvalidArchiveError } from './errors.js';
import type { StoredManifest } from './stored-manifest.js';

/**
 * The manifest of an image that came without one: byte for byte what docker 28 writes when it saves the same image, so
 * that both archives load as one.
 */
export function generateManifest(config: ArchiveFile, layers: readonly Descriptor[]): StoredManifest {
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.ociManifest,
      config: descriptorJson({ mediaType: MEDIA_TYPES.ociConfig, digest: config.digest, sizeBytes: config.sizeBytes }),
      layers: layers.map(descriptorJson),
    }),
  );
  return { digest: digestOf(bytes), mediaType: MEDIA_TYPES.ociManifest, bytes };
}

/**
 * Describes a layer of an archive by what its bytes are.
 *
 * @throws {InvalidArchiveError} it is no layer, or packed in a way that images do not have
 */
export function describeLayer({ path, digest, sizeBytes, compression, stored }: ArchiveFile): Descriptor {
  if (stored === null) throw new InvalidArchiveError(path, 'is not a layer');
  const mediaType = layerTypes[compression];
  if (mediaType === undefined)
    throw new InvalidArchiveError(path, new UnsupportedCompressionError(compression).message);
  return { mediaType, digest, sizeBytes };
}

/** A layer that is here already, as a manifest of the OCI kind names it. */
export function describeKnownLayer({ mediaType, digest, sizeBytes }: Descriptor): Descriptor {
  return { mediaType: ociTypes[mediaType] ?? mediaType, digest, sizeBytes };
}

const layerTypes: Partial<Record<Compression, string>> = {
  none: MEDIA_TYPES.ociLayer,
  gzip: MEDIA_TYPES.ociLayerGzip,
  zstd: MEDIA_TYPES.ociLayerZstd,
};

const ociTypes: Record<string, string> = {
  [MEDIA_TYPES.dockerLayer]: MEDIA_TYPES.ociLayer,
  [MEDIA_TYPES.dockerLayerGzip]: MEDIA_TYPES.ociLayerGzip,
  [MEDIA_TYPES.dockerLayerZstd]: MEDIA_TYPES.ociLayerZstd,
};
