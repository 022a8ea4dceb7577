import { type Descriptor, descriptorJson, digestOf, MEDIA_TYPES } from '@entrepot/oci';
import type { BuiltImage } from '../image-factory.js';
import type { UploadableImage } from '../upstream-registry.js';
import { buildDocument, describe } from './document.js';

/** How to make an index. */
export interface IndexRecipe {
  /** Another index may be among them. */
  images: (BuiltImage | BuiltIndex)[];
  /** Default docker (a manifest list). */
  format?: 'docker' | 'oci';
  /** Adds an attestation manifest for each image, as BuildKit does. */
  attestations?: boolean;
  /** Changes the entries of images, by place. */
  entries?: Partial<Descriptor>[];
  annotations?: Record<string, string>;
}

export interface BuiltIndex extends UploadableImage {
  kind: 'index';
  descriptor: Descriptor;
}

/** Makes an index over images and other indexes. */
export function buildIndex(recipe: IndexRecipe): BuiltIndex {
  const { images, format = 'docker', entries = [], annotations } = recipe;
  const described = recipe.attestations ? images.filter((image) => image.kind === 'image') : [];
  const attestations = described.map(buildAttestation);
  const mediaType = format === 'docker' ? MEDIA_TYPES.dockerManifestList : MEDIA_TYPES.ociIndex;
  const descriptors = images.map((image, place) => ({ ...image.descriptor, ...entries[place] }));
  const index = buildDocument(mediaType, {
    schemaVersion: 2,
    mediaType,
    manifests: [...descriptors, ...attestations.map(({ descriptor }) => descriptor)].map(descriptorJson),
    annotations,
  });
  const parts: UploadableImage[] = [...images, ...attestations];
  const manifests = parts.flatMap((part) => [...part.manifests, { mediaType: part.mediaType, bytes: part.bytes }]);
  return { kind: 'index', ...index, manifests, blobs: parts.flatMap(({ blobs }) => [...blobs]) };
}

/** Makes an OCI artifact: a manifest with the empty config and one file. */
export function buildArtifact(content = 'artifact', artifactType = 'application/vnd.example.thing'): UploadableImage {
  const config = Buffer.from('{}');
  const file = Buffer.from(content);
  const manifest = buildDocument(MEDIA_TYPES.ociManifest, {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociManifest,
    artifactType,
    config: describe(MEDIA_TYPES.ociEmpty, config),
    layers: [describe('application/octet-stream', file)],
  });
  return { ...manifest, manifests: [], blobs: [config, file].map(asBlob) };
}

function buildAttestation(image: BuiltImage): UploadableImage & { descriptor: Descriptor } {
  const statement = Buffer.from(JSON.stringify({ _type: 'https://in-toto.io/Statement/v0.1', subject: image.digest }));
  const config = Buffer.from(
    JSON.stringify({
      architecture: 'unknown',
      os: 'unknown',
      config: {},
      rootfs: { type: 'layers', diff_ids: [digestOf(statement)] },
    }),
  );
  const manifest = buildDocument(MEDIA_TYPES.ociManifest, {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociManifest,
    config: describe(MEDIA_TYPES.ociConfig, config),
    layers: [describe(MEDIA_TYPES.inToto, statement)],
  });
  const descriptor: Descriptor = {
    ...manifest.descriptor,
    platform: { os: 'unknown', architecture: 'unknown' },
    annotations: {
      'vnd.docker.reference.digest': image.digest,
      'vnd.docker.reference.type': 'attestation-manifest',
    },
  };
  return { ...manifest, descriptor, manifests: [], blobs: [config, statement].map(asBlob) };
}

function asBlob(bytes: Buffer): UploadableImage['blobs'][number] {
  return { digest: digestOf(bytes), bytes };
}
