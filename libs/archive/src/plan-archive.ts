import {
  cosignTagOf,
  type Descriptor,
  type Digest,
  digestAlgorithm,
  familiarReference,
  type ImageManifest,
  isForeignLayerType,
  MEDIA_TYPES,
  parseManifest,
  parseReference,
} from '@entrepot/oci';
import { blobPath } from './blob-path.js';
import { type ArchivePlan, PlanBuilder } from './segments.js';
import type { StoredManifest } from './stored-manifest.js';

/** One image to save, with what is here of it. */
export interface ArchiveImage {
  /** Full names with a tag that the archive gives it; none for an image saved by id. */
  references: readonly string[];
  /** What the names point at: an index or a manifest. */
  target: StoredManifest;
  /** The manifests and indexes below an index that are here, at any depth. */
  children: readonly StoredManifest[];
  /** Signatures, attestations and SBOMs of any of it that no index names. */
  artifacts?: readonly SavedArtifact[];
  /** The one for readers that know no index; null when none of the platforms here is an image. */
  shown: StoredManifest | null;
  /** Blobs of these manifests that are not here. Layers kept elsewhere (foreign) need not be named. */
  absent?: Iterable<Digest>;
}

/** Something that belongs to a manifest of the archive. */
export type SavedArtifact = StoredManifest & { subject: Digest };

/**
 * Plans an OCI layout with a `manifest.json`, as docker 25 and later save it: readable by docker from 20.10 on, podman,
 * containerd and skopeo. Documents come first so that a reader can link while it streams, each blob comes once, and
 * the same images make the same bytes. Pure: everything is known from manifests alone.
 *
 * @throws {InvalidManifestError} bytes that are no manifest
 */
export function planArchive(images: readonly ArchiveImage[]): ArchivePlan {
  const merged = mergeByTarget(images);
  const manifests = uniqueByDigest(
    merged.flatMap((image) => [image.target, ...image.children, ...(image.artifacts ?? [])]),
  );
  const { configs, layers } = collectBlobs(manifests, new Set(merged.flatMap((image) => [...(image.absent ?? [])])));
  const blobs = [...manifests, ...configs, ...layers];

  const plan = new PlanBuilder();
  plan.file('oci-layout', json({ imageLayoutVersion: '1.0.0' }));
  plan.file('index.json', json(indexDocument(merged)));
  plan.file('manifest.json', json(merged.flatMap(manifestDocument)));
  plan.directory('blobs/');
  for (const algorithm of [...new Set(blobs.map(({ digest }) => digestAlgorithm(digest)))].sort()) {
    plan.directory(`blobs/${algorithm}/`);
  }
  for (const { digest, bytes } of manifests) plan.file(blobPath(digest), bytes);
  for (const { digest, sizeBytes } of [...configs, ...layers]) plan.blob(blobPath(digest), digest, sizeBytes);
  return plan.finish();
}

/** The blobs that somebody must hold on to while an archive is sent. */
export function planBlobs(plan: ArchivePlan): Digest[] {
  return plan.segments.flatMap((segment) => (segment.kind === 'blob' ? [segment.digest] : []));
}

/** The same image asked for under two names is one image with two names. */
function mergeByTarget(images: readonly ArchiveImage[]): ArchiveImage[] {
  const merged = new Map<Digest, ArchiveImage>();
  for (const image of images) {
    const { references = [] } = merged.get(image.target.digest) ?? {};
    merged.set(image.target.digest, {
      ...image,
      references: [...new Set([...references, ...image.references])].sort(),
    });
  }
  return [...merged.values()];
}

function collectBlobs(
  manifests: readonly StoredManifest[],
  absent: ReadonlySet<Digest>,
): { configs: Descriptor[]; layers: Descriptor[] } {
  const images = manifests.flatMap(parseImage);
  const here = (descriptor: Descriptor) => !absent.has(descriptor.digest) && !isForeignLayerType(descriptor.mediaType);
  const configs = uniqueByDigest(images.map((image) => image.config).filter(here));
  const seen = new Set(configs.map(({ digest }) => digest));
  const layers = uniqueByDigest(images.flatMap((image) => image.layers).filter(here));
  return { configs, layers: layers.filter(({ digest }) => !seen.has(digest)) };
}

function parseImage({ bytes, mediaType }: StoredManifest): ImageManifest[] {
  const manifest = parseManifest(bytes, mediaType);
  return manifest.kind === 'image' ? [manifest] : [];
}

/** One entry per name, as containerd writes and reads it; an image without a name has one without annotations. */
function indexDocument(images: readonly ArchiveImage[]): object {
  const manifests = images.flatMap(({ target, references }) => {
    const descriptor = descriptorOf(target);
    if (references.length === 0) return [descriptor];
    return references.map((reference) => ({
      ...descriptor,
      annotations: {
        'io.containerd.image.name': reference,
        'org.opencontainers.image.ref.name': parseReference(reference).tag,
      },
    }));
  });
  const named = new Set(manifests.map(({ digest }) => digest));
  const artifacts = uniqueByDigest(images.flatMap((image) => [...(image.artifacts ?? [])]));
  const others = artifacts.filter(({ digest }) => !named.has(digest)).map(artifactEntry);
  return { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [...manifests, ...others] };
}

/** Found by its subject; what does not name that itself has the tag by which cosign would find it. */
function artifactEntry({ subject, ...artifact }: SavedArtifact): object {
  const manifest = parseManifest(artifact.bytes, artifact.mediaType);
  const tag = manifest.kind === 'image' && manifest.subject === undefined ? cosignTagOf(subject, manifest) : undefined;
  return {
    ...descriptorOf(artifact),
    artifactType: manifest.artifactType,
    annotations: tag && { 'org.opencontainers.image.ref.name': tag },
  };
}

function descriptorOf({ mediaType, digest, bytes }: StoredManifest) {
  return { mediaType, digest, size: bytes.length };
}

/** The form of older readers, which know one platform per image. */
function manifestDocument({ shown, references }: ArchiveImage): object[] {
  return (shown ? parseImage(shown) : []).map((manifest) => ({
    Config: blobPath(manifest.config.digest),
    RepoTags: references.length === 0 ? null : references.map((name) => familiarReference(parseReference(name))),
    Layers: manifest.layers.map(({ digest }) => blobPath(digest)),
  }));
}

function uniqueByDigest<T extends { digest: Digest }>(items: readonly T[]): T[] {
  const unique = new Map<Digest, T>();
  for (const item of items) if (!unique.has(item.digest)) unique.set(item.digest, item);
  return [...unique.values()];
}

function json(document: object): Buffer {
  return Buffer.from(JSON.stringify(document));
}
