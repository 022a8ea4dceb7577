import type { Readable } from 'node:stream';
import { type Descriptor, type Digest, isAttestation, MEDIA_TYPES, parseManifest } from '@entrepot/oci';
import type { ArchiveContents, LoadedImage, ReadArchiveKnowledge } from './archive-contents.js';
import type { ArchiveFiles } from './archive-files.js';
import type { ArchiveSink, StoredEntry } from './archive-sink.js';
import { attachArtifacts } from './attach-artifacts.js';
import { digestInPath } from './blob-path.js';
import { type ArchiveLimits, type Collected, collectEntries } from './collect-entries.js';
import { type DockerImageEntry, parseDockerManifest } from './docker-manifest.js';
import { InvalidArchiveError } from './errors.js';
import { loadDockerImage } from './load-docker-image.js';
import { loadLayoutImage } from './load-layout.js';
import { usedDigests } from './load-manifest.js';
import { annotatedName, fullName } from './names.js';

export interface ReadArchiveOptions extends ReadArchiveKnowledge {
  limits?: ArchiveLimits;
}

/**
 * Reads an archive of images in one pass: what `docker save` of any version writes, OCI layouts (skopeo, buildx, umoci),
 * the tarballs of skopeo and crane; plain, gzip or zstd. Entries may come in any order. Blobs go to the sink as they
 * come; manifests, configs and names are returned. With an `index.json` its manifests count, and names come from there
 * and from `manifest.json`. When it fails the source is left open, to be resumed or destroyed.
 *
 * @throws {InvalidArchiveError} nothing of the archive may be published; what the sink has got is of no use
 */
export async function readArchive(
  source: Readable,
  sink: ArchiveSink,
  options: ReadArchiveOptions = {},
): Promise<ArchiveContents> {
  const collected = await collectEntries(source, sink, options.limits ?? {});
  try {
    const images = await loadImages(collected, options);
    const missing = images.flatMap(({ manifests }) => manifests.flatMap((manifest) => manifest.missing));
    if (missing.length > 0 && !collected.closed) throw new InvalidArchiveError(null, 'blobs are missing');
    return { images, unused: unusedBlobs(collected.files, images) };
  } catch (error) {
    throw error instanceof InvalidArchiveError && !collected.closed ? cutAfter(collected.lastEntry, error) : error;
  }
}

async function loadImages(collected: Collected, options: ReadArchiveOptions): Promise<LoadedImage[]> {
  const root = findRoot(collected.documents);
  const { files, documents } = collected;
  const images = new Map<Digest, LoadedImage>();
  const listed = readIndex(`${root}index.json`, documents);
  for (const descriptor of listed) {
    const image = images.get(descriptor.digest) ?? (await loadLayoutImage(files, descriptor, options));
    images.set(descriptor.digest, image);
    addName(image, annotatedName(descriptor));
  }
  attachArtifacts(images, listed);
  const named = new Set([...images.values()].flatMap(({ references }) => references));
  for (const entry of readEntries(`${root}manifest.json`, documents)) {
    const inRoot = { ...entry, config: root + entry.config, layers: entry.layers.map((layer) => root + layer) };
    const image = findListed(files, images, inRoot) ?? (await loadUnlisted(files, images, inRoot, options));
    for (const repoTag of entry.repoTags) {
      const name = fullName(repoTag, `${root}manifest.json`);
      if (!named.has(name)) addName(image, name);
    }
  }
  return [...images.values()];
}

/** The folder of the documents: the top, or the only folder when a layout was packed with its folder. */
function findRoot(documents: ReadonlyMap<string, Buffer>): string {
  const roots = [...new Set([...documents.keys()].map((path) => path.slice(0, path.lastIndexOf('/') + 1)))];
  const [root] = roots.includes('') ? [''] : roots;
  if (root === undefined) {
    const dockerMessage = 'open repositories: no such file or directory';
    throw new InvalidArchiveError(null, 'it has neither a manifest.json nor an index.json', { dockerMessage });
  }
  if (root !== '' && roots.length > 1) throw new InvalidArchiveError(null, 'it has several folders with an index.json');
  return root;
}

/** Attestations that are listed beside their image are no images of their own. */
function readIndex(path: string, documents: ReadonlyMap<string, Buffer>): Descriptor[] {
  const bytes = documents.get(path);
  if (!bytes) return [];
  try {
    const index = parseManifest(bytes, MEDIA_TYPES.ociIndex);
    return index.kind === 'index' ? index.manifests.filter((descriptor) => !isAttestation(descriptor)) : [];
  } catch (cause) {
    throw new InvalidArchiveError(path, (cause as Error).message, { cause });
  }
}

function readEntries(path: string, documents: ReadonlyMap<string, Buffer>): DockerImageEntry[] {
  const bytes = documents.get(path);
  return bytes ? parseDockerManifest(path, bytes) : [];
}

/** The image of `index.json` that an entry of `manifest.json` shows one platform of. */
function findListed(
  files: ArchiveFiles,
  images: ReadonlyMap<Digest, LoadedImage>,
  entry: DockerImageEntry,
): LoadedImage | null {
  const digestOfPath = (path: string) => files.findByPath(path)?.digest ?? digestInPath(path);
  const config = digestOfPath(entry.config);
  const layers = entry.layers.map(digestOfPath).join();
  const sameConfig = (image: LoadedImage) => image.manifests.filter(({ content }) => content.config.digest === config);
  const candidates = [...images.values()].filter((image) => !image.generated && sameConfig(image).length > 0);
  const exact = candidates.find((image) =>
    sameConfig(image).some(({ content }) => content.layers.map(({ digest }) => digest).join() === layers),
  );
  return exact ?? candidates[0] ?? null;
}

/** Two entries with the same config and layers are one image. */
async function loadUnlisted(
  files: ArchiveFiles,
  images: Map<Digest, LoadedImage>,
  entry: DockerImageEntry,
  options: ReadArchiveOptions,
): Promise<LoadedImage> {
  const loaded = await loadDockerImage(files, entry, options);
  const image = images.get(loaded.target.digest) ?? loaded;
  images.set(image.target.digest, image);
  return image;
}

function addName(image: LoadedImage, name: string | null): void {
  if (name !== null && !image.references.includes(name)) image.references.push(name);
}

function unusedBlobs(files: ArchiveFiles, images: readonly LoadedImage[]): StoredEntry[] {
  const used = new Set(images.flatMap(({ manifests }) => manifests.flatMap(usedDigests)));
  const unused = files.stored().filter(({ digest }) => !used.has(digest));
  return [...new Map(unused.map((stored) => [stored.digest, stored])).values()];
}

function cutAfter(entry: string | null, cause: InvalidArchiveError): InvalidArchiveError {
  const reason = `the archive ends after it without being closed (${cause.reason})`;
  return new InvalidArchiveError(entry, reason, { cause, dockerMessage: cause.dockerMessage });
}
