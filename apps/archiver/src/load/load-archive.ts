import type { Readable } from 'node:stream';
import {
  type ArchiveContents,
  type LoadedImage,
  type LoadedManifest,
  type ReadArchiveKnowledge,
  readArchive,
} from '@entrepot/archive';
import {
  admitBlobs,
  type ContentContext,
  describeManifests,
  type PublishedImage,
  type PublishedManifest,
  type PublishResult,
  publishImages,
  readBlob,
  type StoredObject,
  settleFetches,
} from '@entrepot/content';
import {
  filterUnanalysedLayers,
  findImageTarget,
  findLayerByDiffId,
  findManifests,
  markBrokenImages,
} from '@entrepot/database';
import { analyseLayer, type JobQueue, publishPull } from '@entrepot/jobs';
import type { Logger } from '@entrepot/observability';
import { type Digest, maxImageConfigBytes, type Platform, parseReference, repositoryName } from '@entrepot/oci';
import { type LoadMessage, loadedMessages, loadedNames, progressMessages } from './load-messages.js';
import { LoadSink } from './load-sink.js';
import { chooseLoadable } from './loadable-image.js';

/** What loading needs. */
export interface LoadParts {
  content: ContentContext;
  queue: JobQueue;
  logger: Logger;
}

/** How a client wants to have its archive loaded. */
export interface LoadOptions {
  /** No progress. */
  quiet: boolean;
  platform: Platform | null;
  say(message: LoadMessage): void;
}

const analysisDelayMs = 2_000;

/**
 * Reads an archive in one pass and publishes its images in one transaction: all of them or none. Nothing of an archive
 * that fails is seen by anybody. Gives back what was loaded: tags, or ids where there is none.
 *
 * @throws {InvalidArchiveError} @throws {NotLoadableError}
 */
export async function loadArchive(parts: LoadParts, source: Readable, options: LoadOptions): Promise<string[]> {
  const sink = new LoadSink(parts.content, options.quiet ? undefined : progressMessages(options.say));
  let published: readonly StoredObject[] = [];
  try {
    const contents = await readArchive(source, sink, knowledgeOf(parts.content, sink));
    const images = await prepareImages(parts.content, sink, contents, options.platform);
    const used = objectsOf(images, sink);
    const { results, duePulls } = await publish(parts.content, images, used);
    published = used;
    for (const message of loadedMessages(images, results)) options.say(message);
    await lookInto(parts, images, duePulls).catch((error: unknown) =>
      parts.logger.warn({ err: error }, 'left to the next sweep'),
    );
    return loadedNames(images, results);
  } finally {
    await sink.close(published);
  }
}

/** What is here already counts as carried, as long as it is held. */
function knowledgeOf(content: ContentContext, sink: LoadSink): ReadArchiveKnowledge {
  const { prisma } = content.database;
  return {
    knownLayer: async (diffId) => {
      const layer = await findLayerByDiffId(prisma, diffId);
      return layer && (await sink.hold([layer.digest])).length === 0 ? layer : null;
    },
    knownManifest: async (digest) => {
      const [row] = await findManifests(prisma, [digest]);
      return row ? { digest, mediaType: row.mediaType, bytes: Buffer.from(row.bytes) } : null;
    },
  };
}

async function prepareImages(
  content: ContentContext,
  sink: LoadSink,
  { images }: ArchiveContents,
  platform: Platform | null,
): Promise<PublishedImage[]> {
  const missing = images.flatMap(({ manifests }) => manifests.flatMap((manifest) => manifest.missing));
  const absent = new Set(await sink.hold(missing.map(({ digest }) => digest)));
  return Promise.all(images.map((image) => prepareImage(content, sink, image, { absent, platform })));
}

async function prepareImage(
  content: ContentContext,
  sink: LoadSink,
  image: LoadedImage,
  { absent, platform }: { absent: ReadonlySet<Digest>; platform: Platform | null },
): Promise<PublishedImage> {
  const { shown, manifests } = chooseLoadable(image, absent, platform);
  const names = image.references.map((text) => {
    const reference = parseReference(text);
    return { repository: repositoryName(reference), tag: reference.tag };
  });
  const documents = await Promise.all(manifests.map((manifest) => describe(content, manifest)));
  const own = { names, fromRegistry: false };
  if (image.generated) {
    const here = await findOwnManifest(content, sink, shown);
    if (here) return { ...own, target: here.digest, shown: here.digest, manifests: [here] };
  }
  if (platform !== null) {
    return { ...own, target: shown.manifest.digest, shown: shown.manifest.digest, manifests: documents };
  }
  const indexes = [image.target, ...image.children].filter(({ digest }) => !isImage(image, digest));
  return { ...own, target: image.target.digest, shown: shown.manifest.digest, manifests: [...indexes, ...documents] };
}

const isImage = ({ manifests }: LoadedImage, digest: Digest): boolean =>
  manifests.some(({ manifest }) => manifest.digest === digest);

/** A config that the archive does not carry is here. */
async function describe(
  content: ContentContext,
  { manifest, config, runnable }: LoadedManifest,
): Promise<PublishedManifest> {
  if (!runnable) return manifest;
  return {
    ...manifest,
    config: config.bytes ?? (await readBlob(content, config.descriptor.digest, maxImageConfigBytes)),
  };
}

/** Of an image that is here with the manifest it was pulled with, that one is kept. */
async function findOwnManifest(
  content: ContentContext,
  sink: LoadSink,
  { config }: LoadedManifest,
): Promise<PublishedManifest | null> {
  const { prisma } = content.database;
  const here = await findImageTarget(prisma, config.descriptor.digest);
  const [row] = here ? await findManifests(prisma, [here.targetDigest]) : [];
  if (!row || config.bytes === null) return null;
  const manifest = { digest: row.digest, mediaType: row.mediaType, bytes: row.bytes, config: config.bytes };
  const lost = await sink.hold(blobsOf([manifest]));
  return lost.length === 0 ? manifest : null;
}

const blobsOf = (manifests: readonly PublishedManifest[]): Digest[] => [
  ...new Set(describeManifests(manifests).blobs.map(({ blobDigest }) => blobDigest)),
];

/** The stored objects that the images need, in an order that all loads share. */
function objectsOf(images: readonly PublishedImage[], sink: LoadSink): StoredObject[] {
  const needed = new Set(images.flatMap(({ manifests }) => blobsOf(manifests)));
  const objects = sink.objects.filter(({ digest }) => needed.has(digest));
  return objects.sort((a, b) => (a.digest < b.digest ? -1 : 1));
}

async function publish(
  { database }: ContentContext,
  images: readonly PublishedImage[],
  objects: readonly StoredObject[],
): Promise<{ results: PublishResult[]; duePulls: string[] }> {
  return database.transaction(async (tx) => {
    await admitBlobs(tx, objects);
    const { duePulls } = await settleFetches(
      tx,
      objects.map(({ digest }) => digest),
    );
    return { results: await publishImages(tx, images, { action: 'load' }), duePulls };
  });
}

/** What others wait for, and what nobody has looked into. */
async function lookInto(
  { content, queue, logger }: LoadParts,
  images: readonly PublishedImage[],
  duePulls: readonly string[],
): Promise<void> {
  const { prisma } = content.database;
  await queue.enqueueMany(
    publishPull,
    duePulls.map((pullId) => ({ pullId })),
  );
  const blobs = blobsOf(images.flatMap(({ manifests }) => manifests));
  const broken = await markBrokenImages(prisma, blobs);
  if (broken.length > 0) logger.warn({ images: broken }, 'images whose configuration does not match a layer');
  const layers = await filterUnanalysedLayers(prisma, blobs);
  await queue.enqueueMany(
    analyseLayer,
    layers.map((digest) => ({ digest })),
    { delayMs: analysisDelayMs },
  );
}
