import {
  type FoundImage,
  findShownManifest,
  getImage,
  holdImage,
  type ImageReference,
  insertEvents,
  listReleaseFacts,
  listVariants,
  putRepositories,
  putTags,
  showVariant,
  type Tx,
} from '@entrepot/database';
import {
  type Digest,
  digestHex,
  familiarReference,
  isTag,
  type Platform,
  type Reference,
  repositoryName,
} from '@entrepot/oci';
import type { ContentContext } from './context.js';
import type { ReleaseLine, ReleasePlan, ReleaseReport, ReleaseRules } from './release-plan.js';
import { carryOut, openPlan, runRelease } from './release-transaction.js';

/** How to remove an image. */
export interface RemoveOptions extends Partial<ReleaseRules> {
  /** Only what is here of these platforms; the name stays while another platform is left below it. */
  platforms?: readonly Platform[];
  /** Says what would be done, to the byte, and does nothing. */
  rehearse?: boolean;
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
  { force = false, prune = true, platforms = [], rehearse = false }: RemoveOptions = {},
): Promise<ReleaseReport> {
  return runRelease(database, rehearse, async (tx) => {
    if (platforms.length === 0) return removeOne(tx, name, { force, prune });
    const lines: ReleaseLine[] = [];
    for (const platform of platforms) lines.push(...(await removeVariant(tx, name, platform, { force, prune })));
    return lines;
  });
}

/**
 * Removes several images or names together: what only they share goes with them. In one transaction, all or nothing.
 *
 * @throws as `removeImage`
 */
export async function removeImages(
  { database }: Pick<ContentContext, 'database'>,
  names: readonly string[],
  { force = false, prune = true, rehearse = false }: Omit<RemoveOptions, 'platforms'> = {},
): Promise<ReleaseReport> {
  return runRelease(database, rehearse, async (tx) => {
    const lines: ReleaseLine[] = [];
    for (const name of names) lines.push(...(await removeOne(tx, name, { force, prune })));
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
export async function tagImage(
  { database }: Pick<ContentContext, 'database'>,
  { source, target }: NewTag,
): Promise<void> {
  const { tag } = target;
  if (tag === undefined || !isTag(tag)) throw new RangeError(`not a tag: ${familiarReference(target)}`);
  await database.transaction(async (tx) => {
    const found = await holdNamed(tx, source);
    const repository = repositoryName(target);
    const repositoryId = (await putRepositories(tx, [repository])).get(repository) as bigint;
    const shown = (await findShownManifest(tx, found)) ?? found.targetDigest;
    const place = { repositoryId, repositoryName: repository, name: tag };
    const [moved] = await putTags(tx, [{ ...place, target: found.targetDigest, shown, imageId: found.imageId }], null);
    const [facts] = await listReleaseFacts(tx, [found.imageId]);
    const attributes = { ...facts?.labels, name: familiarReference(target) };
    const change = { from: moved?.previousTarget ?? null, to: found.targetDigest };
    await insertEvents(tx, [{ type: 'image', action: 'tag', actorId: found.imageId, attributes, change }]);
  });
}

async function removeOne(tx: Tx, name: string, rules: ReleaseRules): Promise<ReleaseLine[]> {
  const { found, plan } = await lockNamed(tx, name);
  const known = found.reference === undefined ? undefined : findName(plan, found, found.reference);
  if (known === undefined || isIdPrefix(found.imageId, name)) plan.removeId(found.imageId, rules);
  else plan.removeName(found.imageId, known, rules, name);
  await carryOut(tx, plan);
  return plan.lines;
}

/** The other platforms stay under the name; the last one goes with it. */
async function removeVariant(tx: Tx, name: string, platform: Platform, rules: ReleaseRules): Promise<ReleaseLine[]> {
  const { found, plan } = await lockNamed(tx, name, platform);
  const variants = await listVariants(tx, found.targetDigest);
  const other = variants.find(({ imageId }) => imageId !== found.imageId);
  if (other === undefined || found.reference === undefined) return removeOne(tx, name, rules);
  const repository = repositoryName(found.reference);
  const target = found.targetDigest;
  const moved = await showVariant(tx, repository, { target, from: found.imageId, to: other });
  const names = plan.namesOf(found.imageId).filter((known) => known.repository === repository);
  const left = names.filter(({ tag, digest }) => (tag === null ? digest === target : moved.includes(tag)));
  plan.removeVariant(found.imageId, left, rules);
  await carryOut(tx, plan);
  return plan.lines;
}

/** Finds an image and locks it with its ancestors, again when the name moved while we waited for the lock. */
async function lockNamed(tx: Tx, name: string, platform?: Platform): Promise<{ found: FoundImage; plan: ReleasePlan }> {
  for (;;) {
    const { imageId } = await getImage(tx, name, platform);
    const plan = await openPlan(tx, [imageId]);
    const found = await getImage(tx, name, platform);
    if (found.imageId === imageId && plan.has(imageId)) return { found, plan };
  }
}

async function holdNamed(tx: Tx, name: string): Promise<FoundImage> {
  for (;;) {
    const { imageId } = await getImage(tx, name);
    const isHeld = await holdImage(tx, imageId);
    const found = await getImage(tx, name);
    if (isHeld && found.imageId === imageId) return found;
  }
}

function findName(plan: ReleasePlan, { imageId }: FoundImage, reference: Reference): ImageReference | undefined {
  const repository = repositoryName(reference);
  const { tag = null, digest = null } = reference;
  return plan
    .namesOf(imageId)
    .find((name) => name.repository === repository && (digest === null ? name.tag === tag : name.digest === digest));
}

/** Docker takes any text that the id begins with for an id, even where a tag of this name exists. */
function isIdPrefix(imageId: Digest, name: string): boolean {
  return imageId.startsWith(name) || digestHex(imageId).startsWith(name);
}
