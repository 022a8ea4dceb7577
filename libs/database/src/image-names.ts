// How Docker finds the image that a text means: a full id; else a name, whose tag defaults to `latest`; else the only
// id that begins so. An id is the digest of the config; the digest of a manifest or index is taken for one too, since
// Docker's newer store prints those.
import {
  type Digest,
  familiarReference,
  formatPlatform,
  isDigest,
  normalizePlatform,
  type Platform,
  parseReference,
  type Reference,
  repositoryName,
  selectPlatform,
  withDefaultTag,
} from '@entrepot/oci';
import type { Tx } from './transaction.js';

/** The image that a name means. */
export interface FoundImage {
  imageId: Digest;
  /** What the name stands for: a tag's target, the digest of `name@digest`, or the manifest of the id pulled last. */
  targetDigest: Digest;
  /** The reference under which it was found; absent when it was found by its id. */
  reference?: Reference;
}

/**
 * The image that `name` means, or null.
 *
 * @throws {InvalidReferenceError} with Docker's text
 */
export async function findImage(tx: Tx, name: string): Promise<FoundImage | null> {
  const id = asImageId(name);
  if (id !== null) return findById(tx, id);
  const reference = withDefaultTag(parseReference(name));
  return (await findByReference(tx, reference)) ?? (await findByPrefix(tx, name));
}

/**
 * As `findImage`; with a platform, the image of that platform below what the name stands for.
 *
 * @throws {ImageNotFoundError} nothing has this name
 * @throws {PlatformNotFoundError} it has, but not for this platform
 * @throws {InvalidReferenceError}
 */
export async function getImage(tx: Tx, name: string, platform?: Platform): Promise<FoundImage> {
  const found = await findImage(tx, name);
  if (found === null) throw new ImageNotFoundError(missingName(name));
  return platform === undefined ? found : selectVariant(tx, found, name, platform);
}

/** The manifest of the image below what its name stands for: what a new tag is to show. */
export async function findShownManifest(tx: Tx, { imageId, targetDigest }: FoundImage): Promise<Digest | null> {
  const [row] = await tx.$queryRaw<{ digest: Digest }[]>`
    select m.digest from manifest m
     where m.image_id = ${imageId}
     order by m.digest = ${targetDigest} desc,
              exists (select from manifest_child c where c.parent_digest = ${targetDigest} and c.child_digest = m.digest) desc,
              m.published_at desc, m.digest
     limit 1`;
  return row?.digest ?? null;
}

/** One platform's image below an index, or the image itself. */
export interface ImageVariant {
  imageId: Digest;
  manifestDigest: Digest;
  platform: Platform;
}

/** The images that are here below a manifest, in the order of its index; of an image's manifest, the image. */
export async function listVariants(tx: Tx, manifest: Digest): Promise<ImageVariant[]> {
  const rows = await tx.$queryRaw<VariantRow[]>`
    select m.digest as "manifestDigest", i.id as "imageId", i.os, i.architecture, i.variant
      from (select ${manifest}::text as digest, -1 as position
            union all select child_digest, position from manifest_child where parent_digest = ${manifest}) part
      join manifest m on m.digest = part.digest and m.kind = 'image'
      join image i on i.id = m.image_id
     order by part.position`;
  return rows.map(({ imageId, manifestDigest, os, architecture, variant }) => ({
    imageId,
    manifestDigest,
    platform: { os, architecture, ...(variant === null ? {} : { variant }) },
  }));
}

interface VariantRow {
  imageId: Digest;
  manifestDigest: Digest;
  os: string;
  architecture: string;
  variant: string | null;
}

/** Unlike a pull, a question about one platform is not answered with a related architecture. */
async function selectVariant(tx: Tx, found: FoundImage, name: string, platform: Platform): Promise<FoundImage> {
  const variants = await listVariants(tx, found.targetDigest);
  const wanted = normalizePlatform(platform);
  const related = variants.filter(
    (variant) => normalizePlatform(variant.platform).architecture === wanted.architecture,
  );
  const selected = selectPlatform(related, (variant) => variant.platform, wanted);
  if (selected !== null) return { ...found, imageId: selected.imageId };
  const shown = variants.find(({ imageId }) => imageId === found.imageId) ?? variants[0];
  throw new PlatformNotFoundError(missingName(name), shown?.platform, platform);
}

/** A full id, with or without its algorithm. */
function asImageId(name: string): Digest | null {
  if (isDigest(name)) return name;
  return /^[0-9a-f]{64}$/.test(name) ? `sha256:${name}` : null;
}

async function findById(tx: Tx, id: Digest): Promise<FoundImage | null> {
  const [row] = await tx.$queryRaw<FoundImage[]>`
    select "imageId", "targetDigest" from (
      select 1 as rank, image_id as "imageId", digest as "targetDigest", published_at as at
        from manifest where image_id = ${id}
      union all select 2, image_id, digest, published_at from manifest where digest = ${id} and image_id is not null
      union all select 3, image_id, target_digest, updated_at from tag where target_digest = ${id}
      union all select 4, image_id, manifest_digest, created_at from repository_manifest where manifest_digest = ${id}
    ) named order by rank, at desc, "targetDigest", "imageId" limit 1`;
  return row ?? null;
}

async function findByReference(tx: Tx, reference: Reference): Promise<FoundImage | null> {
  const name = repositoryName(reference);
  const { digest, tag } = reference;
  const [row] = digest === undefined ? await findTag(tx, name, tag ?? 'latest') : await findDigest(tx, name, digest);
  if (row === undefined) return null;
  // As with Docker the digest decides when there is a tag too.
  return { ...row, reference: digest === undefined ? reference : { ...reference, tag: undefined } };
}

function findTag(tx: Tx, repository: string, tag: string): Promise<FoundImage[]> {
  return tx.$queryRaw<FoundImage[]>`
    select t.image_id as "imageId", t.target_digest as "targetDigest"
      from tag t join repository r on r.id = t.repository_id
     where r.name = ${repository} and t.name = ${tag}`;
}

/** An index may have brought several images; the one that a tag of the repository shows goes first. */
function findDigest(tx: Tx, repository: string, digest: Digest): Promise<FoundImage[]> {
  return tx.$queryRaw<FoundImage[]>`
    select d.image_id as "imageId", d.manifest_digest as "targetDigest"
      from repository_manifest d join repository r on r.id = d.repository_id
     where r.name = ${repository} and d.manifest_digest = ${digest}
     order by exists (select from tag t where t.repository_id = d.repository_id
                        and t.target_digest = d.manifest_digest and t.image_id = d.image_id) desc,
              d.created_at desc, d.image_id
     limit 1`;
}

/** `null` when there is none, or more than one. */
async function findByPrefix(tx: Tx, name: string): Promise<FoundImage | null> {
  const prefix = name.replace(/^sha256:/, '');
  if (!/^[0-9a-f]{1,64}$/.test(prefix)) return null;
  const ids = await tx.$queryRaw<{ id: Digest }[]>`
    select id from image where id >= ${`sha256:${prefix}`} and id < ${`sha256:${prefix}g`} limit 2`;
  return ids.length === 1 ? findById(tx, (ids[0] as { id: Digest }).id) : null;
}

/** The name as Docker's message has it: ids as they are, names with their tag. */
function missingName(name: string): string {
  return asImageId(name) ?? familiarReference(withDefaultTag(parseReference(name)));
}

/** Nothing here has this name. */
export class ImageNotFoundError extends Error {
  override readonly name = 'ImageNotFoundError';
  readonly code = 'IMAGE_NOT_FOUND' as const;
  readonly retryable = false;

  constructor(readonly image: string) {
    super(`no image ${image}`);
  }
}

/** The name exists, but not for the wanted platform. */
export class PlatformNotFoundError extends Error {
  override readonly name = 'PlatformNotFoundError';
  readonly code = 'PLATFORM_NOT_FOUND' as const;
  readonly retryable = false;

  constructor(
    readonly image: string,
    readonly actual: Platform | undefined,
    readonly wanted: Platform,
  ) {
    super(`image ${image} is not here for ${formatPlatform(wanted)}`);
  }
}
