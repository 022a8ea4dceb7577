import type { ImageRow, ManifestBlobRow, ManifestChildRow, ManifestGraph, ManifestRow } from '@entrepot/database';
import {
  type Descriptor,
  type Digest,
  type ImageManifest,
  isAttestation,
  isRunnableImage,
  normalizePlatform,
  parseImageConfig,
  parseManifest,
  platformOf,
} from '@entrepot/oci';
import { InvalidImageError } from './errors.js';

/** A manifest to publish; `config` holds the bytes of an image's config. */
export interface PublishedManifest {
  digest: Digest;
  mediaType: string;
  bytes: Uint8Array;
  config?: Uint8Array;
  /** What it belongs to, when it does not say so itself. */
  subject?: Digest | null;
  /** The image from which this one was made here. */
  parentId?: Digest | null;
}

/** Reads from a manifest's bytes which config it has, null for an index or an artifact. */
export function imageConfigOf(manifest: PublishedManifest): Digest | null {
  const parsed = parseManifest(manifest.bytes, manifest.mediaType);
  return parsed.kind === 'image' && isRunnableImage(parsed) ? parsed.config.digest : null;
}

/**
 * Turns manifests into rows, each digest once.
 *
 * @throws {InvalidImageError} an image without its config, or with another number of layers than its config says
 */
export function describeManifests(manifests: readonly PublishedManifest[]): ManifestGraph {
  const graph = {
    manifests: [] as ManifestRow[],
    images: new Map<Digest, ImageRow>(),
    blobs: [] as ManifestBlobRow[],
    children: [] as ManifestChildRow[],
  };
  for (const manifest of new Map(manifests.map((m) => [m.digest, m])).values()) {
    const { digest, mediaType, bytes } = manifest;
    const parsed = parseManifest(bytes, mediaType);
    const row = { digest, mediaType, bytes, subjectDigest: parsed.subject?.digest ?? manifest.subject ?? null };
    if (parsed.kind === 'index') {
      graph.manifests.push({ ...row, kind: 'index', imageId: null });
      graph.children.push(...parsed.manifests.map((child, position) => childRow(digest, position, child)));
      continue;
    }
    graph.blobs.push(...blobRows(digest, parsed));
    if (!isRunnableImage(parsed)) {
      graph.manifests.push({ ...row, kind: 'artifact', imageId: null });
      continue;
    }
    const image = imageRow(manifest, parsed);
    graph.images.set(image.id, image);
    graph.manifests.push({ ...row, kind: 'image', imageId: image.id });
  }
  return { ...graph, images: [...graph.images.values()] };
}

function imageRow({ digest, config: bytes, parentId }: PublishedManifest, manifest: ImageManifest): ImageRow {
  if (bytes === undefined) throw new InvalidImageError(digest, `config ${manifest.config.digest} is missing`);
  const config = parseImageConfig(bytes);
  if (config.diffIds.length !== manifest.layers.length) {
    throw new InvalidImageError(
      digest,
      `${manifest.layers.length} layers, but its config names ${config.diffIds.length}`,
    );
  }
  const { os, architecture, variant } = platformOf(config);
  return {
    id: manifest.config.digest,
    config: config.raw,
    os,
    architecture,
    variant: variant ?? null,
    labels: config.config.Labels ?? {},
    createdAt: timestamp(config.created),
    parentId: parentId ?? null,
  };
}

/** PostgreSQL reads RFC 3339, but not every year that JavaScript takes. */
function timestamp(text: string | undefined): string | null {
  const ms = text === undefined ? Number.NaN : Date.parse(text);
  const year = Number.isNaN(ms) ? 0 : new Date(ms).getUTCFullYear();
  return text !== undefined && year >= 1 && year <= 9999 ? text : null;
}

function blobRows(manifestDigest: Digest, manifest: ImageManifest): ManifestBlobRow[] {
  return [manifest.config, ...manifest.layers].map(({ digest, mediaType }, position) => ({
    manifestDigest,
    position,
    blobDigest: digest,
    mediaType,
  }));
}

function childRow(parentDigest: Digest, position: number, child: Descriptor): ManifestChildRow {
  const platform = child.platform === undefined ? undefined : normalizePlatform(child.platform);
  return {
    parentDigest,
    position,
    childDigest: child.digest,
    mediaType: child.mediaType,
    sizeBytes: child.sizeBytes,
    os: platform?.os ?? null,
    architecture: platform?.architecture ?? null,
    variant: platform?.variant ?? null,
    attestationFor: isAttestation(child) ? (child.annotations?.['vnd.docker.reference.digest'] ?? null) : null,
  };
}
