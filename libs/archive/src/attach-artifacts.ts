import { type Descriptor, type Digest, subjectOfCosignTag } from '@entrepot/oci';
import type { LoadedImage, LoadedManifest } from './archive-contents.js';

/** What a manifest says it belongs to, or what a tag of cosign says of it; null for what stands for itself. */
export function subjectOf({ content, manifest }: LoadedManifest): Digest | null {
  return content.subject?.digest ?? manifest.subject ?? null;
}

/**
 * Makes signatures, attestations and SBOMs that stand beside their image in `index.json` part of it. What belongs to
 * nothing in the archive stays where it is.
 */
export function attachArtifacts(images: Map<Digest, LoadedImage>, entries: readonly Descriptor[]): void {
  nameSubjects(images, entries);
  const owners = new Map<Digest, LoadedImage>();
  const waiting = new Map<Digest, LoadedManifest>();
  for (const [digest, image] of images) {
    const [only] = image.manifests;
    if (only && !only.runnable && only.manifest.digest === digest && subjectOf(only) !== null)
      waiting.set(digest, only);
    else for (const part of [image.target, ...image.children]) owners.set(part.digest, image);
  }
  // A signature of an SBOM has its image one step further.
  for (let found = -1; found !== waiting.size; ) {
    found = waiting.size;
    for (const [digest, artifact] of waiting) {
      const owner = owners.get(subjectOf(artifact) as Digest);
      if (owner === undefined) continue;
      owner.manifests.push(artifact);
      owners.set(digest, owner);
      waiting.delete(digest);
      images.delete(digest);
    }
  }
}

function nameSubjects(images: ReadonlyMap<Digest, LoadedImage>, entries: readonly Descriptor[]): void {
  for (const { digest, annotations = {} } of entries) {
    const subject = subjectOfCosignTag(annotations['org.opencontainers.image.ref.name'] ?? '');
    const [only] = images.get(digest)?.manifests ?? [];
    if (subject !== null && only && !only.runnable) only.manifest = { ...only.manifest, subject };
  }
}
