// Which images have something inside. Matches are looked for by layer; then only the stacks that have such a layer are asked
// whether they show it (the SQL function is_shown).
import type { Digest } from '@entrepot/oci';
import { Prisma } from './generated/client.js';
import type { PathPattern } from './path-pattern.js';
import type { Tx } from './transaction.js';

/** Images that fit, each with some of what fits. */
export interface Findings {
  images: Map<Digest, string[]>;
  /** False when so much fits that only a part was looked at. */
  complete: boolean;
}

/** A glob over more paths than this is never looked at whole. */
const maxPaths = 20_000;
const pathsAtOnce = 250;
/** So long is looked for more images. */
const patienceMs = 600;
const maxHits = 100_000;
const samplesPerLayer = 3;
const samplesPerImage = 5;

/**
 * Images that show a path. Where very many paths fit, they are looked at in parts, until every image is found or it takes
 * too long.
 */
export async function findImagesByPath(tx: Tx, pattern: PathPattern): Promise<Findings> {
  const started = Date.now();
  const paths = await tx.$queryRaw<{ id: bigint }[]>`
    select p.id from file_path p where ${condition(pattern)} limit ${maxPaths + 1}`;
  const images = new Map<Digest, string[]>();
  let from = 0;
  for (; from < paths.length; from += pathsAtOnce) {
    if (from > 0 && (Date.now() - started > patienceMs || images.size === (await countImages(tx)))) break;
    const ids = paths.slice(from, from + pathsAtOnce).map(({ id }) => id);
    const found = await findShowing(tx, hitsOf(ids));
    for (const [id, samples] of found) if (!images.has(id)) images.set(id, samples);
  }
  const isWhole = from >= paths.length && paths.length <= maxPaths;
  return { images, complete: isWhole || images.size === (await countImages(tx)) };
}

function hitsOf(pathIds: readonly bigint[]): Prisma.Sql {
  return Prisma.sql`
    select layer_id, path_id, path, path as sample from (
      select f.layer_id, f.path_id, p.path, row_number() over (partition by f.layer_id order by f.path_id) as number
        from file_path p join layer_file f on f.path_id = p.id and f.kind <> 'x'
       where p.id = any(${[...pathIds]}::bigint[])) n
     where n.number <= ${samplesPerLayer}`;
}

async function countImages(tx: Tx): Promise<number> {
  const [row] = await tx.$queryRaw<{ images: number }[]>`select count(*)::int as images from image`;
  return row?.images ?? 0;
}

/** Images that show a file with this content, by its hex SHA-256. */
export async function findImagesByContent(tx: Tx, sha256: string): Promise<Findings> {
  const hits = Prisma.sql`
    select f.layer_id, f.path_id, p.path, p.path as sample
      from layer_file f join file_path p on p.id = f.path_id
     where f.sha256 = decode(${sha256}, 'hex') limit ${maxHits}`;
  return { images: await findShowing(tx, hits), complete: true };
}

/** The versions of a package that are somewhere here. */
export async function listPackageVersions(
  tx: Tx,
  name: string,
  ecosystem: string | null,
): Promise<{ ecosystem: string; version: string }[]> {
  const wanted = ecosystem === null ? Prisma.sql`true` : Prisma.sql`ecosystem = ${ecosystem}`;
  return await tx.$queryRaw<{ ecosystem: string; version: string }[]>`
    select distinct ecosystem, version from layer_package
     where ecosystem in ('deb', 'apk', 'npm') and name = ${name} and ${wanted}`;
}

/** Images in which one of these versions of a package is installed. */
export async function findImagesByPackage(
  tx: Tx,
  name: string,
  versions: readonly { ecosystem: string; version: string }[],
): Promise<Findings> {
  if (versions.length === 0) return { images: new Map(), complete: true };
  const hits = Prisma.sql`
    select k.layer_id, k.path_id, p.path, k.ecosystem || ':' || k.name || '=' || k.version as sample
      from unnest(${versions.map((it) => it.ecosystem)}::text[], ${versions.map((it) => it.version)}::text[])
           as v (ecosystem, version)
      join layer_package k on k.ecosystem = v.ecosystem and k.name = ${name} and k.version = v.version
      join file_path p on p.id = k.path_id limit ${maxHits}`;
  return { images: await findShowing(tx, hits), complete: true };
}

/** Images with a layer, by its digest as stored or its diff id. */
export async function findImagesByLayer(tx: Tx, layer: Digest): Promise<Findings> {
  const rows = await tx.$queryRaw<{ id: Digest; digest: string }[]>`
    select distinct m.image_id as id, b.digest
      from blob b join manifest_blob p on p.blob_digest = b.digest and p.position > 0
      join manifest m on m.digest = p.manifest_digest and m.kind = 'image'
     where b.digest = ${layer} or b.diff_id = ${layer}`;
  return { images: new Map(rows.map(({ id, digest }) => [id, [digest]])), complete: true };
}

/** Images whose lowest layers have this chain id. */
export async function findImagesByChain(tx: Tx, chainId: string): Promise<Findings> {
  const rows = await tx.$queryRaw<{ id: Digest; depth: number }[]>`
    select i.id, c.depth from image i, chain_ids(i.config #> '{rootfs,diff_ids}') c where c.chain_id = ${chainId}`;
  return { images: new Map(rows.map(({ id, depth }) => [id, [`${depth} layers`]])), complete: true };
}

/** Images that stand on another one: its layers are their lowest, and they are not the image itself. */
export async function findImagesByBase(tx: Tx, baseId: Digest): Promise<Findings> {
  const rows = await tx.$queryRaw<{ id: Digest; layers: number }[]>`
    select i.id, jsonb_array_length(b.diff_ids)::int as layers
      from (select config #> '{rootfs,diff_ids}' as diff_ids from image where id = ${baseId}) b
      join image i on i.config #> '{rootfs,diff_ids}' @> b.diff_ids
     where i.id <> ${baseId}
       and jsonb_path_query_array(i.config, '$.rootfs.diff_ids[*]') is not null
       and (select jsonb_agg(d order by n) from jsonb_array_elements(i.config #> '{rootfs,diff_ids}')
             with ordinality as e (d, n) where n <= jsonb_array_length(b.diff_ids)) = b.diff_ids`;
  return { images: new Map(rows.map(({ id, layers }) => [id, [`${layers} layers`]])), complete: true };
}

/** Images with a label, whatever its value when none is given. */
export async function findImagesByLabel(tx: Tx, key: string, value: string | undefined): Promise<Findings> {
  const wanted = value === undefined ? Prisma.sql`true` : Prisma.sql`labels ->> ${key} = ${value}`;
  const rows = await tx.$queryRaw<{ id: Digest; value: string }[]>`
    select id, labels ->> ${key} as value from image where labels ->> ${key} is not null and ${wanted}`;
  return { images: new Map(rows.map(({ id, value: found }) => [id, [`${key}=${found}`]])), complete: true };
}

/** What images are called, and for which platform they are. */
export async function listImageNames(
  tx: Tx,
  ids: readonly Digest[],
): Promise<{ id: Digest; tags: string[]; os: string; architecture: string; variant: string | null }[]> {
  return await tx.$queryRaw`
    select i.id, i.os, i.architecture, i.variant,
           array(select r.familiar || ':' || t.name from tag t join repository r on r.id = t.repository_id
                  where t.image_id = i.id order by (r.name || ':' || t.name) collate "C") as tags
      from image i where i.id = any(${[...ids]}::text[])`;
}

/** Layers of images here that are not searched yet. */
export async function countUnlistedLayers(tx: Tx): Promise<number> {
  const [row] = await tx.$queryRaw<{ layers: number }[]>`
    select count(*)::int as layers from (
      select distinct p.blob_digest from manifest_blob p join manifest m on m.digest = p.manifest_digest
       where p.position > 0 and m.kind = 'image') q
      join blob b on b.digest = q.blob_digest
     where b.analysis_error is null
       and not exists (select from listed_layer l where l.digest = q.blob_digest and l.listed_at is not null)`;
  return row?.layers ?? 0;
}

async function findShowing(tx: Tx, hits: Prisma.Sql): Promise<Map<Digest, string[]>> {
  const rows = await tx.$queryRaw<{ id: Digest; samples: string[] }[]>`
    with hit as materialized (${hits}),
    above as materialized (select path_id, parent_ids(path) as parents from (select distinct path_id, path from hit) d)
    select m.image_id as id, (array_agg(distinct h.sample order by h.sample))[1:${samplesPerImage}::int] as samples
      from hit h join above a using (path_id)
      join listed_layer l on l.id = h.layer_id
      join manifest_blob p on p.blob_digest = l.digest and p.position > 0
      join manifest m on m.digest = p.manifest_digest and m.kind = 'image'
     where is_shown(p.manifest_digest, p.position, h.path_id, a.parents)
     group by m.image_id`;
  return new Map(rows.map(({ id, samples }) => [id, samples]));
}

function condition(pattern: PathPattern): Prisma.Sql {
  if (pattern.kind === 'path') return Prisma.sql`p.id = path_id(${pattern.path})`;
  const name = Prisma.sql`p.name like ${pattern.nameLike}`;
  if (pattern.kind === 'name') return Prisma.sql`${name} and p.name ~ ${pattern.regex}`;
  const range = Prisma.sql`left(p.path, 500) ~>=~ ${pattern.prefix} and left(p.path, 500) ~<~ ${`${pattern.prefix}\u{10ffff}`}`;
  return Prisma.sql`${range} and ${name} and p.path ~ ${pattern.regex}`;
}
