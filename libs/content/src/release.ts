import {
  deleteImages,
  deleteReferences,
  type FoundImage,
  findShownManifest,
  getImage,
  holdImage,
  ImageNotFoundError,
  type ImageReference,
  insertEvents,
  listImagesAndAncestors,
  listPrunable,
  listReleaseFacts,
  listVariants,
  lockImages,
  type PruneFilter,
  putRepositories,
  putTags,
  type Tx,
  tryLockPrune,
} from '@entrepot/database';
import { type Digest, familiarReference, isTag, type Platform, type Reference, repositoryName } from '@entrepot/oci';
import type { ContentContext } from './context.js';
import { type ReleaseLine, ReleasePlan, type ReleaseRules } from './release-plan.js';

/** How to remove an image. */
export interface RemoveOptions extends Partial<ReleaseRules> {
  /** Only what is here of these platforms; the name stays while another platform is left below it. */
  platforms?: readonly Platform[];
}

/**
 * Removes a name, and the image when that was its last one; or an image by its id. In one transaction.
 *
 * @throws {ImageNotFoundError} nothing has this name
 * @throws {PlatformNotFoundError} it is not here for the platform
 * @throws {ImageConflictError} the image is needed, or has more names than an id may take away without force
 * @throws {InvalidReferenceError}
 */
export async function removeImage(
  { database }: Pick<ContentContext, 'database'>,
  name: string,
  { force = false, prune = true, platforms = [] }: RemoveOptions = {},
): Promise<ReleaseLine[]> {
  return database.transaction(async (tx) => {
    if (platforms.length === 0) return removeOne(tx, name, { force, prune });
    const lines: ReleaseLine[] = [];
    for (const platform of platforms) lines.push(...(await removeVariant(tx, name, platform, { force, prune })));
    return lines;
  });
}

/** What to give a new name. */
export interface NewTag {
  /** What has the image now: a name, an id, a prefix of one. */
  source: string;
  /** The new name, with a tag. */
  target: Reference;
}

/**
 * Gives an image another name; a tag that points elsewhere moves. In one transaction.
 *
 * @throws {ImageNotFoundError} nothing has the name `source`
 * @throws {InvalidReferenceError}
 */
export async function tagImage({ database }: Pick<ContentContext, 'database'>, { source, target }: NewTag): Promise<void> {
  const { tag } = target;
  if (tag === undefined || !isTag(tag)) throw new RangeError(`not a tag: ${familiarReference(target)}`);
  await database.transaction(async (tx) => {
    const found = await holdNamed(tx, source);
    const repository = repositoryName(target);
    const repositoryId = (await putRepositories(tx, [repository])).get(repository) as bigint;
    const shown = (await findShownManifest(tx, found)) ?? found.targetDigest;
    const place = { repositoryId, repositoryName: repository, name: tag };
    await putTags(tx, [{ ...place, target: found.targetDigest, shown, imageId: found.imageId }], null);
    const [facts] = await listReleaseFacts(tx, [found.imageId]);
    const attributes = { ...facts?.labels, name: familiarReference(target) };
    await insertEvents(tx, [{ type: 'image', action: 'tag', actorId: found.imageId, attributes }]);
  });
}

/** What a prune did. */
export interface PruneReport {
  lines: ReleaseLine[];
  releasedBytes: number;
}

/**
 * Removes all images of a filter as `docker image prune` does, those in several repositories name by name. In one
 * transaction.
 *
 * @throws {PruneRunningError} another prune has not ended
 */
export async function pruneImages(
  { database }: Pick<ContentContext, 'database'>,
  filter: PruneFilter,
): Promise<PruneReport> {
  return database.transaction(async (tx) => {
    if (!(await tryLockPrune(tx))) throw new PruneRunningError();
    const candidates = await listPrunable(tx, filter);
    const plan = await openPlan(tx, candidates);
    for (const id of candidates) pruneOne(plan, id, filter);
    const { lines, releasedBytes } = plan;
    plan.events.push({ type: 'image', action: 'prune', actorId: '', attributes: { reclaimed: String(releasedBytes) } });
    await carryOut(tx, plan);
    return { lines, releasedBytes };
  });
}

/** What was dangling when the list was made may have got a name before it was locked. */
function pruneOne(plan: ReleasePlan, id: Digest, { dangling }: PruneFilter): void {
  if (!plan.has(id)) return;
  const names = plan.referencesOf(id);
  if (dangling && names.some(({ tag }) => tag !== null)) return;
  const rules = { force: false, prune: true };
  if (names.length === 0) return plan.removeUnlessNeeded(id, rules);
  for (const name of names) {
    if (plan.has(id) && plan.referencesOf(id).includes(name)) plan.removeName(id, name, rules);
  }
}

async function removeOne(tx: Tx, name: string, rules: ReleaseRules): Promise<ReleaseLine[]> {
  const { found, plan } = await lockNamed(tx, name);
  const reference = found.reference;
  if (reference === undefined || isIdPrefix(found.imageId, name)) plan.removeId(found.imageId, rules);
  else plan.removeName(found.imageId, getName(plan, found, reference), rules);
  await carryOut(tx, plan);
  return plan.lines;
}

/** Other platforms of the name stay under it; the last one goes with it. */
async function removeVariant(tx: Tx, name: string, platform: Platform, rules: ReleaseRules): Promise<ReleaseLine[]> {
  const { found, plan } = await lockNamed(tx, name, platform);
  const others = (await listVariants(tx, found.targetDigest)).filter(({ imageId }) => imageId !== found.imageId);
  const [other] = others;
  const { reference } = found;
  if (other === undefined || reference === undefined) return removeOne(tx, name, rules);
  const repository = repositoryName(reference);
  const names = plan.referencesOf(found.imageId).filter((known) => known.repository === repository);
  const shown = { target: found.targetDigest, from: found.imageId, to: other };
  const moved = await showVariant(tx, repository, shown);
  plan.removeVariant(found.imageId, names.filter(({ tag, digest }) => digest === found.targetDigest || moved.includes(tag ?? '')));
  await carryOut(tx, plan);
  return plan.lines;
}
