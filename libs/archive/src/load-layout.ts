import { type Descriptor, type Digest, isImageManifestType, isIndexType, type Manifest } from '@entrepot/oci';
import type { LoadedImage, ReadArchiveKnowledge } from './archive-contents.js';
import type { ArchiveFiles } from './archive-files.js';
import { blobPath } from './blob-path.js';
import { missingFile } from './errors.js';
import { loadManifest, readManifest } from './load-manifest.js';
import type { StoredManifest } from './stored-manifest.js';

const maxDepth = 8;

/**
 * Loads one entry of `index.json` with everything below it. Of an index, an archive may carry some platforms only.
 *
 * @throws {InvalidArchiveError} the entry itself is neither carried nor known, or something carried is wrong
 */
export async function loadLayoutImage(
  files: ArchiveFiles,
  descriptor: Descriptor,
  knowledge: ReadArchiveKnowledge,
): Promise<LoadedImage> {
  const [target, content] = await getTarget(files, descriptor, knowledge);
  const image: LoadedImage = { references: [], target, generated: false, children: [], manifests: [], absent: [] };
  await descend(files, image, { listed: descriptor, manifest: target, content, depth: 0 });
  return image;
}

async function getTarget(
  files: ArchiveFiles,
  descriptor: Descriptor,
  knowledge: ReadArchiveKnowledge,
): Promise<[StoredManifest, Manifest]> {
  const file = files.findByDigest(descriptor.digest);
  if (file) return readManifest(file, descriptor);
  const known = await knowledge.knownManifest?.(descriptor.digest);
  const path = blobPath(descriptor.digest);
  if (!known) throw missingFile(path);
  return readManifest(files.addEmbedded(known.bytes, known.digest), descriptor);
}

interface Step {
  listed: Descriptor;
  manifest: StoredManifest;
  content: Manifest;
  depth: number;
}

async function descend(files: ArchiveFiles, image: LoadedImage, step: Step): Promise<void> {
  const { manifest, content, listed, depth } = step;
  if (content.kind === 'image') {
    image.manifests.push(await loadManifest(files, manifest, content, listed));
    return;
  }
  for (const child of content.manifests) {
    if (isLoaded(image, child.digest)) continue;
    const file = isReadable(child) && depth < maxDepth ? files.findByDigest(child.digest) : null;
    if (file === null) {
      image.absent.push(child);
      continue;
    }
    const [stored, below] = readManifest(file, child);
    image.children.push(stored);
    await descend(files, image, { listed: child, manifest: stored, content: below, depth: depth + 1 });
  }
}

/** An index may name things that are no manifests at all. */
function isReadable({ mediaType }: Descriptor): boolean {
  return isIndexType(mediaType) || isImageManifestType(mediaType);
}

function isLoaded({ target, children }: LoadedImage, digest: Digest): boolean {
  return target.digest === digest || children.some((child) => child.digest === digest);
}
