import type { ManifestSummary } from '@entrepot/database';

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
