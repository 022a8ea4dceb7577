import type { ImageSummary, ManifestSummary } from '@entrepot/database';
import type { Digest } from '@entrepot/oci';

/** What `docker images --tree` reads of an image: what its name stands for, and what of that is here. */
export function treeJson(manifests: readonly ManifestSummary[]): object {
  const [target, ...children] = manifests;
  if (target === undefined) return {};
  const parts = children.length > 0 ? children : [target];
  return { Descriptor: descriptor(target), Manifests: parts.map(manifestJson) };
}

function manifestJson(manifest: ManifestSummary): object {
  const common = {
    ID: manifest.digest,
    Descriptor: { ...descriptor(manifest), ...(manifest.platform ? { platform: manifest.platform } : {}) },
    Available: manifest.isHere,
    Size: { Content: manifest.contentBytes, Total: Math.max(manifest.contentBytes, manifest.unpackedBytes) },
  };
  if (manifest.attestationFor !== null) {
    return { ...common, Kind: 'attestation', AttestationData: { For: manifest.attestationFor } };
  }
  if (manifest.platform === null || manifest.platform.os === 'unknown') return { ...common, Kind: 'unknown' };
  const image = { Platform: manifest.platform, Size: { Unpacked: manifest.unpackedBytes }, Containers: [] };
  return { ...common, Kind: 'image', ImageData: image };
}

function descriptor({ mediaType, digest, sizeBytes }: ManifestSummary): object {
  return { mediaType, digest, size: sizeBytes };
}

/**
 * With `--tree` one row stands for everything below its name, so an untagged platform of an index that a tagged row
 * shows has no row of its own, and the size is that of all platforms that are here.
 */
export function foldPlatforms(
  images: readonly ImageSummary[],
  trees: ReadonlyMap<Digest, readonly ManifestSummary[]>,
): ImageSummary[] {
  const targetOf = ({ id }: ImageSummary): Digest | undefined => trees.get(id)?.[0]?.digest;
  const shown = new Set(images.filter(({ tags }) => tags.length > 0).map(targetOf));
  return images
    .filter((image) => image.tags.length > 0 || !shown.has(targetOf(image)))
    .map((image) => ({ ...image, sizeBytes: sizeOfAll(trees.get(image.id) ?? []) || image.sizeBytes }));
}

function sizeOfAll(manifests: readonly ManifestSummary[]): number {
  return manifests.reduce((sum, { unpackedBytes }) => sum + unpackedBytes, 0);
}
