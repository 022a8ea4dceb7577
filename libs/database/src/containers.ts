import type { Digest } from '@entrepot/oci';
import { Prisma } from './generated/client.js';
import { jsonbText } from './jsonb-text.js';
import type { Tx } from './transaction.js';

/** A container that never runs: an image, a name, and how it would be run. */
export interface ContainerRow {
  id: string;
  /** Without the slash that Docker puts before it. */
  name: string;
  imageId: Digest;
  /** What to call the image: as it was named, or its id when that name means another one by now. */
  imageName: string;
  /** As it was given at first, whatever that means now. */
  givenImageName: string;
  /** The image's config document. */
  imageConfig: Record<string, unknown>;
  config: Record<string, unknown>;
  hostConfig: Record<string, unknown>;
  /** RFC 3339, to the microsecond. */
  createdAt: string;
  /** Whether its working directory and mount points were made. */
  prepared: boolean;
  version: number;
  /** Bytes of the files in its own layer. */
  sizeBytes: number;
}

/** A container to be made. The caller holds the image. */
export interface NewContainer {
  id: string;
  name: string;
  imageId: Digest;
  imageName: string;
  /** What the name meant, when it was one. */
  imageReference: { repository: string; tag: string | null } | null;
  imageConfig: Record<string, unknown>;
  config: Record<string, unknown>;
  hostConfig: Record<string, unknown>;
}

/** A layer below a container, as a manifest describes it. */
export interface ContainerLayer {
  digest: Digest;
  mediaType: string;
  sizeBytes: number;
}

const columns = Prisma.sql`
  c.id, c.name, c.image_id as "imageId", c.image_name as "givenImageName", c.image_config as "imageConfig", c.config,
  c.host_config as "hostConfig", c.prepared, c.version::float8 as version, c.size_bytes::float8 as "sizeBytes",
  to_char(c.created_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "createdAt",
  case when c.image_repository is null and exists (select from image i where i.id = c.image_id)
         or exists (select from tag t join repository r on r.id = t.repository_id
                     where r.name = c.image_repository and t.name = c.image_tag and t.image_id = c.image_id)
         or c.image_tag is null and exists (
              select from repository_manifest d join repository r on r.id = d.repository_id
               where r.name = c.image_repository and d.image_id = c.image_id)
       then c.image_name else c.image_id end as "imageName"`;

/** What a container list is narrowed to; everything given must hold. */
export interface ContainerFilter {
  ids?: readonly string[];
  imageIds?: readonly Digest[];
}

/** Containers, newest first. */
export async function listContainers(tx: Tx, { ids, imageIds }: ContainerFilter = {}): Promise<ContainerRow[]> {
  const ofIds = ids === undefined ? Prisma.sql`true` : Prisma.sql`c.id = any(${[...ids]}::text[])`;
  const ofImages = imageIds === undefined ? Prisma.sql`true` : Prisma.sql`c.image_id = any(${[...imageIds]}::text[])`;
  return await tx.$queryRaw<ContainerRow[]>`
    select ${columns} from container c where ${ofIds} and ${ofImages} order by c.created_at desc, c.id`;
}

/**
 * The container that a text means: its id, its name (with or without a slash before it), or the only id that begins so.
 *
 * @throws {ContainerNotFoundError} @throws {AmbiguousContainerError}
 */
export async function getContainer(tx: Tx, text: string): Promise<ContainerRow> {
  const name = text.replace(/^\//, '');
  const isPrefix = /^[0-9a-f]{1,64}$/.test(text);
  const [first, second] = await tx.$queryRaw<(ContainerRow & { rank?: number })[]>`
    select ${columns}, case when c.id = ${text} then 1 when c.name = ${name} then 2 else 3 end as rank from container c
     where c.id = ${text} or c.name = ${name}
        or ${isPrefix} and c.id >= ${isPrefix ? text : ''} and c.id < ${isPrefix ? `${text}g` : ''}
     order by rank limit 2`;
  if (first === undefined) throw new ContainerNotFoundError(text);
  if (first.rank === 3 && second !== undefined) throw new AmbiguousContainerError(text);
  delete first.rank;
  return first;
}

/**
 * Makes a container on the layers of the image's manifest pulled last.
 *
 * @throws {ContainerNameTakenError}
 */
export async function insertContainer(tx: Tx, container: NewContainer): Promise<void> {
  const { id, name, imageId, imageName, imageReference, imageConfig, config, hostConfig } = container;
  const made = await tx.$executeRaw`
    insert into container (id, name, image_id, image_name, image_repository, image_tag, image_config, config, host_config)
    values (${id}, ${name}, ${imageId}, ${imageName}, ${imageReference?.repository ?? null},
            ${imageReference?.tag ?? null}, ${jsonbText(imageConfig)}::jsonb, ${jsonbText(config)}::jsonb,
            ${jsonbText(hostConfig)}::jsonb)
    on conflict (name) do nothing`;
  if (made === 0) throw await nameTaken(tx, name);
  await tx.$executeRaw`
    insert into container_layer (container_id, position, blob_digest, media_type)
      select ${id}, position, blob_digest, media_type from manifest_blob
       where position > 0 and manifest_digest =
             (select digest from manifest where image_id = ${imageId} order by published_at desc, digest limit 1)`;
}

/** The layers below a container, lowest first. */
export async function listContainerLayers(tx: Tx, id: string): Promise<ContainerLayer[]> {
  return await tx.$queryRaw<ContainerLayer[]>`
    select l.blob_digest as digest, l.media_type as "mediaType", b.size_bytes::float8 as "sizeBytes"
      from container_layer l join blob b on b.digest = l.blob_digest
     where l.container_id = ${id} order by l.position`;
}

/**
 * Gives a container another name.
 *
 * @throws {ContainerNotFoundError} it went @throws {ContainerNameTakenError}
 */
export async function renameContainer(tx: Tx, id: string, name: string): Promise<void> {
  const [taken] = await tx.$queryRaw<{ id: string }[]>`
    select id from container where name = ${name} for update`;
  if (taken !== undefined) throw new ContainerNameTakenError(name, taken.id);
  const renamed = await tx.$executeRaw`update container set name = ${name} where id = ${id}`;
  if (renamed === 0) throw new ContainerNotFoundError(id);
}

/** Locks a container against everybody else who would change it. Null when it went. */
export async function lockContainer(tx: Tx, id: string): Promise<ContainerRow | null> {
  await tx.$queryRaw`select id from container where id = ${id} for update`;
  const [row] = await listContainers(tx, { ids: [id] });
  return row ?? null;
}

/** Removes containers with their layers; what they alone kept is left to the collector. Returns those that were there. */
export async function deleteContainers(tx: Tx, ids: readonly string[]): Promise<string[]> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    delete from container where id = any(${[...ids]}::text[]) returning id`;
  return rows.map(({ id }) => id);
}

/** How many containers each image has. */
export async function countContainers(tx: Tx): Promise<Map<Digest, number>> {
  const rows = await tx.$queryRaw<{ imageId: Digest; count: number }[]>`
    select image_id as "imageId", count(*)::int as count from container group by image_id`;
  return new Map(rows.map(({ imageId, count }) => [imageId, count]));
}

/** Of each container, the bytes of the files in the layers below it, as lists show them. */
export async function measureContainerBases(tx: Tx, ids: readonly string[]): Promise<Map<string, number>> {
  const rows = await tx.$queryRaw<{ id: string; bytes: number }[]>`
    select l.container_id as id, sum(coalesce(b.content_bytes, b.size_bytes))::float8 as bytes
      from container_layer l join blob b on b.digest = l.blob_digest
     where l.container_id = any(${[...ids]}::text[]) group by l.container_id`;
  return new Map(rows.map(({ id, bytes }) => [id, bytes]));
}

/** Images and everything that was built on them here. */
export async function listImagesAndDescendants(tx: Tx, ids: readonly Digest[]): Promise<Digest[]> {
  const rows = await tx.$queryRaw<{ id: Digest }[]>`
    with recursive family as (
      select unnest(${[...ids]}::text[]) as id
      union
      select i.id from family f join image i on i.parent_id = f.id
    )
    select id from family`;
  return rows.map(({ id }) => id);
}

async function nameTaken(tx: Tx, name: string): Promise<ContainerNameTakenError> {
  const [owner] = await tx.$queryRaw<{ id: string }[]>`select id from container where name = ${name}`;
  return new ContainerNameTakenError(name, owner?.id ?? '');
}

/** Nothing here has this name or id. The message is Docker's. */
export class ContainerNotFoundError extends Error {
  override readonly name = 'ContainerNotFoundError';
  readonly code = 'CONTAINER_NOT_FOUND' as const;
  readonly retryable = false;

  constructor(readonly container: string) {
    super(`No such container: ${container}`);
  }
}

/** More than one id begins so. */
export class AmbiguousContainerError extends Error {
  override readonly name = 'AmbiguousContainerError';
  readonly code = 'AMBIGUOUS_CONTAINER' as const;
  readonly retryable = false;

  constructor(readonly prefix: string) {
    super(`Multiple IDs found with provided prefix: ${prefix}`);
  }
}

/** Another container has this name. The message is Docker's. */
export class ContainerNameTakenError extends Error {
  override readonly name = 'ContainerNameTakenError';
  readonly code = 'CONTAINER_NAME_TAKEN' as const;
  readonly retryable = false;

  constructor(
    readonly container: string,
    readonly ownerId: string,
  ) {
    super(
      `Conflict. The container name "/${container}" is already in use by container "${ownerId}". You have to remove (or rename) that container to be able to reuse that name.`,
    );
  }
}
