import { type ContentContext, leaseBlobs, readBlob } from '@entrepot/content';
import { type FoundImage, findManifests, findShownManifest } from '@entrepot/database';
import {
  type ContainerConfig,
  type Descriptor,
  type Digest,
  type HistoryEntry,
  maxImageConfigBytes,
  type Platform,
  parseImageConfig,
  parseManifest,
  platformOf,
} from '@entrepot/oci';
import { BuildError } from './errors.js';

/** An image as a step finds it, or as it leaves it behind. */
export interface StageImage {
  /** Null for nothing at all: `scratch`. */
  id: Digest | null;
  platform: Platform;
  config: ContainerConfig;
  /** Lowest first. */
  layers: readonly Descriptor[];
  diffIds: readonly Digest[];
  history: readonly HistoryEntry[];
  created: string | null;
}

/** Where every image begins. */
export function scratchImage(platform: Platform): StageImage {
  return { id: null, platform, config: {}, layers: [], diffIds: [], history: [], created: null };
}

/** Reads an image that is here, and keeps its blobs for the build. @throws {BuildError} it went meanwhile */
export async function readStageImage(
  content: ContentContext,
  found: FoundImage,
  lease: { owner: string; leaseMs: number },
): Promise<StageImage> {
  const { prisma } = content.database;
  const digest = await findShownManifest(prisma, found);
  const [row] = digest === null ? [] : await findManifests(prisma, [digest]);
  const manifest = row && parseManifest(row.bytes, row.mediaType);
  if (manifest?.kind !== 'image') throw gone(found.imageId);
  const blobs = [found.imageId, ...manifest.layers.map((layer) => layer.digest)];
  const { missing } = await leaseBlobs(content, lease.owner, blobs, lease.leaseMs);
  if (missing.length > 0) throw gone(found.imageId);
  const config = parseImageConfig(await readBlob(content, found.imageId, maxImageConfigBytes));
  return {
    id: found.imageId,
    platform: platformOf(config),
    config: config.config,
    layers: manifest.layers,
    diffIds: config.diffIds,
    history: config.history,
    created: config.created ?? null,
  };
}

function gone(id: Digest): BuildError {
  return new BuildError(404, `No such image: ${id}`);
}
