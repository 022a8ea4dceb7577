import { type Descriptor, type Digest, parseManifest } from '@entrepot/oci';
import type { LoadedImage, ReadArchiveKnowledge } from './archive-contents.js';
import type { ArchiveFile, ArchiveFiles } from './archive-files.js';
import type { DockerImageEntry } from './docker-manifest.js';
import { InvalidArchiveError, missingFile } from './errors.js';
import { describeKnownLayer, describeLayer, generateManifest } from './generated-manifest.js';
import { loadManifest, readConfig, refuseOtherCount } from './load-manifest.js';

/**
 * Loads one entry of `manifest.json` from files alone, as older archives need it: there is no manifest, so one is made
 * from the config and the layers, the same for the same layers.
 *
 * @throws {InvalidArchiveError} with Docker's texts
 */
export async function loadDockerImage(
  files: ArchiveFiles,
  { config, layers }: DockerImageEntry,
  knowledge: ReadArchiveKnowledge,
): Promise<LoadedImage> {
  const configFile = files.getByPath(config);
  const { diffIds } = readConfig(configFile).parsed;
  refuseOtherCount(config, layers.length, diffIds.length);
  const descriptors: Descriptor[] = [];
  for (const [at, diffId] of diffIds.entries()) {
    descriptors.push(await findLayer(files, layers[at] ?? '', { diffId, at }, knowledge));
  }
  return describeImage(files, configFile, descriptors);
}

/** A layer that is here already wins over the one in the archive: both unpack to the same. */
async function findLayer(
  files: ArchiveFiles,
  path: string,
  { diffId, at }: { diffId: Digest; at: number },
  knowledge: ReadArchiveKnowledge,
): Promise<Descriptor> {
  const file = files.findByPath(path);
  if (file) refuseOtherDiffId(file, diffId, at);
  const known = await knowledge.knownLayer?.(diffId);
  if (known) return describeKnownLayer(known);
  if (!file) throw missingFile(path);
  return describeLayer(file);
}

function refuseOtherDiffId({ path, stored }: ArchiveFile, expected: Digest, at: number): void {
  const actual = stored?.diffId ?? expected;
  if (actual === expected) return;
  const reason = `invalid diffID for layer ${at}: expected "${expected}", got "${actual}"`;
  throw new InvalidArchiveError(path, reason, { dockerMessage: reason });
}

async function describeImage(files: ArchiveFiles, config: ArchiveFile, layers: Descriptor[]): Promise<LoadedImage> {
  const target = generateManifest(config, layers);
  const content = parseManifest(target.bytes);
  if (content.kind !== 'image') throw new Error('a generated manifest is an image');
  const listed = { mediaType: target.mediaType, digest: target.digest, sizeBytes: target.bytes.length };
  const manifest = await loadManifest(files, target, content, listed);
  return { references: [], target, generated: true, children: [], manifests: [manifest], absent: [] };
}
