import {
  insertEvents,
  type ManifestGraph,
  type ManifestRow,
  type MovedTag,
  type NewEvent,
  putManifests,
  putRepositories,
  putRepositoryManifests,
  putTags,
  type Tx,
} from '@entrepot/database';
import { type Digest, familiarRepository } from '@entrepot/oci';
import { describeManifests, type PublishedManifest } from './describe-image.js';
import { InvalidImageError } from './errors.js';

/** A name an image gets. */
export interface PublishedName {
  /** Full name, `docker.io/library/redis`. */
  repository: string;
  /** None when it is known by digest only. */
  tag?: string;
}

/** One image and what it is called. All its blobs are stored, and held or leased by the caller. */
export interface PublishedImage {
  names: readonly PublishedName[];
  /** What the name stands for upstream: an index, or the image's manifest itself. */
  target: Digest;
  /** The manifest of the platform that commands show. */
  shown: Digest;
  /** Target, shown, and whatever else of the index is complete. */
  manifests: readonly PublishedManifest[];
  /** The bytes came under these names from a registry, so the target's digest is a RepoDigest. */
  fromRegistry: boolean;
}

export interface PublishOptions {
  /** What `docker events` calls it; an image that is `made` here is told only by the names it gets. */
  action: 'pull' | 'load' | 'import' | 'made';
  pullId?: string;
  /** What happened besides the images' own events. */
  events?: readonly NewEvent[];
}

/** What an image became. */
export interface PublishResult {
  imageId: Digest;
  /** What its tags were before, by `repository:tag`. */
  tags: ReadonlyMap<string, MovedTag>;
  /** A tag is new or shows another image, or the digest is new in its repository. */
  changed: boolean;
}

/**
 * Makes images visible: manifests with their links, images, tags, what happened to the tags, and events. In the
 * caller's transaction, so all of it or nothing; publishing again what is there changes nothing.
 *
 * @throws {InvalidImageError} the manifests given do not make these images
 */
export async function publishImages(
  tx: Tx,
  images: readonly PublishedImage[],
  options: PublishOptions,
): Promise<PublishResult[]> {
  const graph = describeManifests(images.flatMap(({ manifests }) => manifests));
  const imageIds = images.map((image) => imageIdOf(image, graph));
  const repositories = await putRepositories(
    tx,
    images.flatMap(({ names }) => names.map(({ repository }) => repository)),
  );
  await putManifests(tx, graph);
  const moved = await moveTags(tx, images, imageIds, repositories, options);
  const results: PublishResult[] = [];
  for (const [index, image] of images.entries()) {
    const imageId = imageIds[index] as Digest;
    const tags = tagsOf(image, moved);
    const newLinks = await linkRepositories(tx, image, imageId, repositories);
    const isNewByDigest = image.names.some(({ tag }) => tag === undefined) && newLinks > 0;
    const changed = isNewByDigest || [...tags.values()].some(({ previousImageId }) => previousImageId !== imageId);
    results.push({ imageId, tags, changed });
  }
  const events = images.flatMap((image, index) => eventsOf(image, results[index] as PublishResult, graph, options));
  await insertEvents(tx, [...events, ...(options.events ?? [])]);
  return results;
}

function imageIdOf(image: PublishedImage, graph: ManifestGraph): Digest {
  const find = (digest: Digest): ManifestRow => {
    const found = graph.manifests.find((manifest) => manifest.digest === digest);
    if (found === undefined) throw new InvalidImageError(image.target, `manifest ${digest} is missing`);
    return found;
  };
  find(image.target);
  const { imageId } = find(image.shown);
  if (imageId === null) throw new InvalidImageError(image.target, `${image.shown} is no image`);
  return imageId;
}

async function moveTags(
  tx: Tx,
  images: readonly PublishedImage[],
  imageIds: readonly Digest[],
  repositories: ReadonlyMap<string, bigint>,
  { pullId }: PublishOptions,
): Promise<Map<string, MovedTag>> {
  const targets = images.flatMap(({ names, target, shown }, index) =>
    names.flatMap(({ repository, tag }) => {
      const repositoryId = repositories.get(repository) as bigint;
      const imageId = imageIds[index] as Digest;
      const moved = { repositoryId, repositoryName: repository, target, shown, imageId };
      return tag === undefined ? [] : [{ ...moved, name: tag }];
    }),
  );
  // A tag that several images claim goes to the last of them.
  const last = new Map(targets.map((target) => [`${target.repositoryName}:${target.name}`, target]));
  const moved = await putTags(tx, [...last.values()], pullId ?? null);
  return new Map(moved.map((tag) => [`${tag.repositoryName}:${tag.name}`, tag]));
}

/** One archive may have a hundred thousand tags, so nothing is looked for among all of them. */
function tagsOf({ names }: PublishedImage, moved: ReadonlyMap<string, MovedTag>): Map<string, MovedTag> {
  const tags = new Map<string, MovedTag>();
  for (const { repository, tag } of names) {
    const key = `${repository}:${tag}`;
    const found = moved.get(key);
    if (found !== undefined) tags.set(key, found);
  }
  return tags;
}

async function linkRepositories(
  tx: Tx,
  image: PublishedImage,
  imageId: Digest,
  repositories: ReadonlyMap<string, bigint>,
): Promise<number> {
  if (!image.fromRegistry) return 0;
  const ids = new Set(image.names.map(({ repository }) => repositories.get(repository) as bigint));
  const links = [...ids].map((repositoryId) => ({ repositoryId, manifestDigest: image.target, imageId }));
  return await putRepositoryManifests(tx, links);
}

/** As Docker tells them: a pull by its reference, a load by the image, what is made here by its names as well. */
function eventsOf(
  image: PublishedImage,
  { imageId, tags }: PublishResult,
  graph: ManifestGraph,
  { action }: PublishOptions,
): NewEvent[] {
  const labels = graph.images.find(({ id }) => id === imageId)?.labels ?? {};
  const told = { type: 'image', action, actorId: imageId, attributes: { ...labels, name: imageId } } as const;
  if (action === 'load') return [told];
  if (action !== 'pull') {
    const tags: NewEvent[] = image.names.flatMap(({ repository, tag }) => {
      const attributes = { ...labels, name: `${familiarRepository(repository)}:${tag}` };
      return tag === undefined ? [] : [{ type: 'image', action: 'tag', actorId: imageId, attributes }];
    });
    return action === 'import' ? [...tags, told] : tags;
  }
  return image.names.map(({ repository, tag }) => {
    const name = familiarRepository(repository);
    const actorId = tag === undefined ? `${name}@${image.target}` : `${name}:${tag}`;
    const before = tags.get(`${repository}:${tag}`);
    const change = { from: before?.previousTarget ?? null, to: image.target };
    return { type: 'image', action, actorId, attributes: { ...labels, name }, change };
  });
}
