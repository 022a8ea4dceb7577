import {
  type Descriptor,
  type Digest,
  type ImageConfig,
  type ImageManifest,
  InvalidImageConfigError,
  InvalidManifestError,
  isForeignLayerType,
  isRunnableImage,
  type Manifest,
  parseImageConfig,
  parseManifest,
  UnsupportedManifestError,
} from '@entrepot/oci';
import type { LoadedConfig, LoadedLayer, LoadedManifest } from './archive-contents.js';
import type { ArchiveFile, ArchiveFiles } from './archive-files.js';
import { maxKeptBytes } from './document-kind.js';
import { InvalidArchiveError } from './errors.js';
import type { StoredManifest } from './stored-manifest.js';

/** Finds the blobs of one manifest among an archive's files, and sees to it that they are in the sink. */
export async function loadManifest(
  files: ArchiveFiles,
  manifest: StoredManifest,
  content: ImageManifest,
  listed: Descriptor,
): Promise<LoadedManifest> {
  const missing: Descriptor[] = [];
  const runnable = isRunnableImage(content);
  const config = await loadConfig(files, content.config, runnable, missing);
  if (config.parsed) refuseOtherCount(manifest.digest, content.layers.length, config.parsed.diffIds.length);
  const layers: LoadedLayer[] = [];
  for (const [at, descriptor] of content.layers.entries()) {
    const carried = (await findBlob(files, descriptor, missing)) !== null;
    layers.push({ descriptor, diffId: config.parsed?.diffIds[at] ?? null, carried });
  }
  return { manifest, listed, content, runnable, config, layers, missing };
}

/** A file of the archive as the manifest that a descriptor says it is. */
export function readManifest(file: ArchiveFile, { mediaType, digest }: Descriptor): [StoredManifest, Manifest] {
  const { path } = file;
  const bytes = keptBytes(file, 'manifest');
  try {
    const content = parseManifest(bytes, mediaType);
    return [{ digest, mediaType: content.mediaType, bytes }, content];
  } catch (cause) {
    if (!(cause instanceof InvalidManifestError || cause instanceof UnsupportedManifestError)) throw cause;
    throw new InvalidArchiveError(path, cause.message, { cause });
  }
}

/** A file of the archive as an image's config. */
export function readConfig(file: ArchiveFile): { bytes: Buffer; parsed: ImageConfig } {
  const bytes = keptBytes(file, 'config');
  try {
    return { bytes, parsed: parseImageConfig(bytes) };
  } catch (cause) {
    if (!(cause instanceof InvalidImageConfigError)) throw cause;
    throw new InvalidArchiveError(file.path, cause.message, { cause });
  }
}

/** As many layers as the config has diff ids, in Docker's words. */
export function refuseOtherCount(entry: string, layers: number, diffIds: number): void {
  if (layers === diffIds) return;
  const reason = `invalid manifest, layers length mismatch: expected ${layers}, got ${diffIds}`;
  throw new InvalidArchiveError(entry, reason, { dockerMessage: reason });
}

async function loadConfig(
  files: ArchiveFiles,
  descriptor: Descriptor,
  runnable: boolean,
  missing: Descriptor[],
): Promise<LoadedConfig> {
  const file = await findBlob(files, descriptor, missing);
  if (file === null) return { descriptor, bytes: null, parsed: null };
  return runnable ? { descriptor, ...readConfig(file) } : { descriptor, bytes: file.bytes, parsed: null };
}

async function findBlob(
  files: ArchiveFiles,
  descriptor: Descriptor,
  missing: Descriptor[],
): Promise<ArchiveFile | null> {
  const file = findCarried(files, descriptor);
  if (file === null) {
    if (!isForeignLayerType(descriptor.mediaType)) missing.push(descriptor);
    return null;
  }
  if (file.sizeBytes !== descriptor.sizeBytes) {
    const reason = `has ${file.sizeBytes} bytes, and its manifest promises ${descriptor.sizeBytes}`;
    throw new InvalidArchiveError(file.path, reason);
  }
  await files.store(file);
  return file;
}

/** A descriptor may bring its content along; that counts as carried. */
function findCarried(files: ArchiveFiles, { digest, embedded }: Descriptor): ArchiveFile | null {
  return files.findByDigest(digest) ?? (embedded ? files.addEmbedded(embedded, digest) : null);
}

function keptBytes({ path, bytes }: ArchiveFile, kind: 'manifest' | 'config'): Buffer {
  if (bytes) return bytes;
  throw new InvalidArchiveError(path, `is no ${kind}, or the archive has more than ${maxKeptBytes} bytes of documents`);
}

/** The digests of all blobs that a manifest uses. */
export function usedDigests({ config, layers }: LoadedManifest): Digest[] {
  return [config.descriptor.digest, ...layers.map(({ descriptor }) => descriptor.digest)];
}
