// Docker's rules for removing images (its classic store), worked out on facts before anything is touched. They are the
// rules of moby's daemon/images/image_delete.go, step by step, since scripts rely on their order and their texts.
import type { ImageReference, NewEvent, ReleaseFacts } from '@entrepot/database';
import { chainIds, type Digest, shortDigest } from '@entrepot/oci';

/** One line of what a removal did, as `docker rmi` prints it. */
export type ReleaseLine = { untagged: string } | { deleted: Digest };

/** What a removal did, or in a rehearsal would have done. */
export interface ReleaseReport {
  lines: ReleaseLine[];
  /** Stored bytes of the blobs that nothing refers to any more; they wait for the collection. */
  freedBytes: number;
  freedBlobs: number;
}

/** How to remove. */
export interface ReleaseRules {
  /** Also what several names refer to. */
  force: boolean;
  /** Also the untagged images that it was built on. */
  prune: boolean;
}

/** Collects what removals do to a set of locked images; the caller carries it out. */
export class ReleasePlan {
  readonly lines: ReleaseLine[] = [];
  readonly events: NewEvent[] = [];
  readonly untagged: (ImageReference & { imageId: Digest })[] = [];
  readonly deleted: Digest[] = [];
  /** Bytes of the layers that no image has any more. */
  releasedBytes = 0;

  readonly #images: Map<Digest, PlannedImage>;
  readonly #layerUsers = new Map<Digest, number>();

  constructor(facts: readonly ReleaseFacts[]) {
    this.#images = new Map(facts.map((fact) => [fact.id, planned(fact)]));
    for (const { chains } of this.#images.values()) {
      for (const chain of chains) this.#layerUsers.set(chain, (this.#layerUsers.get(chain) ?? 0) + 1);
    }
  }

  /** The names that an image still has; none when it is not there (any more). */
  namesOf(id: Digest): readonly ImageReference[] {
    return this.#images.get(id)?.references ?? [];
  }

  /** Whether the image is there and not to be deleted. */
  has(id: Digest): boolean {
    return this.#images.has(id);
  }

  /**
   * Takes one name away, and deletes the image when it was the last one; `typed` is the name as somebody wrote it.
   *
   * @throws {ImageConflictError} the last name of an image that a container uses, without force
   */
  removeName(id: Digest, name: ImageReference, rules: ReleaseRules, typed = familiarText(name)): void {
    const image = this.#get(id);
    const [user] = image.containerIds;
    if (!rules.force && user !== undefined && isSingleReference(image.references)) {
      throw new ImageConflictError(id, { typed, container: user });
    }
    this.#untag(image, name, true);
    if (
      name.tag !== null &&
      !image.references.some(({ tag, repository }) => tag !== null && repository === name.repository)
    ) {
      const digests = image.references.filter(({ repository }) => repository === name.repository);
      for (const digest of digests) this.#untag(image, digest, false);
    }
    if (image.references.length === 0) this.#delete(image, rules, true);
  }

  /**
   * Takes all names away and deletes the image.
   *
   * @throws {ImageConflictError} names in several repositories, a container that uses it, or images that are built on it
   */
  removeId(id: Digest, rules: ReleaseRules): void {
    const image = this.#get(id);
    if (isSingleReference(image.references)) {
      this.#refuseParent(image);
      if (!rules.force) this.#refuseUsed(image);
      this.#untagAll(image);
    }
    this.#delete(image, rules, false);
  }

  /** Takes an image away from names that show another one from now on, and deletes it when it has no others. */
  removeVariant(id: Digest, names: readonly ImageReference[], rules: ReleaseRules): void {
    const image = this.#get(id);
    image.references = image.references.filter((reference) => !names.includes(reference));
    this.untagged.push(...names.map((name) => ({ ...name, imageId: id })));
    if (image.references.length === 0) this.#delete(image, rules, true);
  }

  #get(id: Digest): PlannedImage {
    const image = this.#images.get(id);
    if (image === undefined) throw new Error(`image ${id} is not part of this removal`);
    return image;
  }

  /** `quiet`: an image that cannot go stays without a word, for its name has gone already. */
  #delete(image: PlannedImage, rules: ReleaseRules, quiet: boolean): void {
    const isReferenced = image.references.length > 0;
    const isUsed = image.containerIds.length > 0;
    if (quiet && (image.children.size > 0 || ((isReferenced || isUsed) && !rules.force))) return;
    this.#refuseParent(image);
    if (!rules.force) {
      if (isReferenced) throw new ImageConflictError(image.id, 'image is referenced in multiple repositories', true);
      this.#refuseUsed(image);
    }
    this.#untagAll(image);
    this.#images.delete(image.id);
    this.deleted.push(image.id);
    this.lines.push({ deleted: image.id });
    const change = { from: image.id, to: null };
    this.events.push({ type: 'image', action: 'delete', actorId: image.id, attributes: { name: image.id }, change });
    this.#releaseLayers(image);
    this.#deleteParent(image, rules);
  }

  #refuseUsed({ id, containerIds: [user] }: PlannedImage): void {
    if (user === undefined) return;
    throw new ImageConflictError(id, `image is being used by stopped container ${user.slice(0, 12)}`, true);
  }

  #refuseParent({ id, children }: PlannedImage): void {
    if (children.size > 0) throw new ImageConflictError(id, 'image has dependent child images', false);
  }

  #untagAll(image: PlannedImage): void {
    for (const reference of [...image.references]) this.#untag(image, reference, true);
  }

  /** dockerd tells no event for the digests that go with the last tag of their repository. */
  #untag(image: PlannedImage, name: ImageReference, isTold: boolean): void {
    image.references = image.references.filter((reference) => !isSame(reference, name));
    this.untagged.push({ ...name, imageId: image.id });
    this.lines.push({ untagged: familiarText(name) });
    if (!isTold) return;
    const attributes = { ...image.labels, name: image.id };
    const change = { from: familiarText(name), to: null };
    this.events.push({ type: 'image', action: 'untag', actorId: image.id, attributes, change });
  }

  /** From the top down to the first layer that somebody needs. */
  #releaseLayers({ chains, keptLayers, layerBytes }: PlannedImage): void {
    for (let i = chains.length - 1; i >= 0; i--) {
      const chain = chains[i] as Digest;
      const users = (this.#layerUsers.get(chain) ?? 1) - 1;
      this.#layerUsers.set(chain, users);
      if (users > 0 || i < keptLayers) continue;
      this.lines.push({ deleted: chain });
      this.releasedBytes += layerBytes[i] ?? 0;
    }
  }

  #deleteParent(image: PlannedImage, rules: ReleaseRules): void {
    const parent = image.parentId === null ? undefined : this.#images.get(image.parentId);
    if (parent === undefined) return;
    parent.children.delete(image.id);
    if (rules.prune) this.#delete(parent, { force: false, prune: true }, true);
  }
}

interface PlannedImage extends ReleaseFacts {
  children: Set<Digest>;
  chains: Digest[];
}

function planned(facts: ReleaseFacts): PlannedImage {
  return { ...facts, children: new Set(facts.childIds), chains: chainIds(facts.diffIds) };
}

/** All names in one repository, and at most one of them a tag: then an id is as good as that name. */
function isSingleReference(references: readonly ImageReference[]): boolean {
  const tags = references.filter(({ tag }) => tag !== null);
  const repositories = new Set(references.map(({ repository }) => repository));
  return tags.length <= 1 && repositories.size === 1;
}

function isSame(a: ImageReference, b: ImageReference): boolean {
  return a.repository === b.repository && a.tag === b.tag && a.digest === b.digest;
}

function familiarText({ familiar, tag, digest }: ImageReference): string {
  return tag === null ? `${familiar}@${digest}` : `${familiar}:${tag}`;
}

/** An image cannot be removed (or, when `forceable`, not without being forced to). The message is Docker's. */
export class ImageConflictError extends Error {
  override readonly name = 'ImageConflictError';
  readonly code = 'IMAGE_CONFLICT' as const;
  readonly retryable = false;

  constructor(
    readonly imageId: Digest,
    readonly reason: string | UsedName,
    readonly forceable = true,
  ) {
    const how = forceable ? 'must be forced' : 'cannot be forced';
    super(
      typeof reason === 'string'
        ? `conflict: unable to delete ${shortDigest(imageId)} (${how}) - ${reason}`
        : `conflict: unable to remove repository reference ${JSON.stringify(reason.typed)} (must force) - container ${reason.container.slice(0, 12)} is using its referenced image ${shortDigest(imageId)}`,
    );
  }
}

/** The last name of an image, and a container that uses it. */
interface UsedName {
  typed: string;
  container: string;
}
