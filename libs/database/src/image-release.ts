// What a removal must know and do. The order of locks is that of a publication (images, manifests, tags), so that the
// two wait for each other and never deadlock: whoever comes second sees what the first one left.
import type { Digest } from '@entrepot/oci';
import type { LabelFilter } from './image-list.js';
import type { ImageVariant } from './image-names.js';
import type { Tx } from './transaction.js';

/** One name of an image: a tag or a digest of a repository. */
export interface ImageReference {
  repositoryId: bigint;
  repository: string;
  familiar: string;
  tag: string | null;
  digest: Digest | null;
}

/** What a removal needs to know of one image. */
export interface ReleaseFacts {
  id: Digest;
  parentId: Digest | null;
  childIds: Digest[];
  labels: Record<string, string>;
  /** In the order of the full names. */
  references: ImageReference[];
  diffIds: Digest[];
  /** Of the layers of its manifest pulled last. */
  layerBytes: number[];
  /** How many layers, from the bottom, an image has too that is not among those asked for. */
  keptLayers: number;
}

/**
 * Locks images until the transaction ends, with everything that goes when they go, so that nobody can give one a name,
 * publish it again or take a name from it. Those that are gone are left out.
 */
export async function lockImages(tx: Tx, ids: readonly Digest[]): Promise<Digest[]> {
  const rows = await tx.$queryRaw<{ id: Digest }[]>`
    select id from image where id = any(${[...ids]}::text[]) order by id for update`;
  const manifests = await listRelatedManifests(tx, ids);
  await tx.$queryRaw`select 1 from manifest where digest = any(${manifests}::text[]) order by digest for update`;
  await tx.$queryRaw`
    select 1 from tag where image_id = any(${[...ids]}::text[]) order by repository_id, name for update`;
  return rows.map(({ id }) => id);
}

/** Keeps an image from going until the transaction ends. False: it is gone. */
export async function holdImage(tx: Tx, id: Digest): Promise<boolean> {
  const rows = await tx.$queryRaw<{ id: Digest }[]>`select id from image where id = ${id} for key share`;
  return rows.length > 0;
}

/** The facts of images that are locked, in no order. */
export async function listReleaseFacts(tx: Tx, ids: readonly Digest[]): Promise<ReleaseFacts[]> {
  const wanted = [...ids];
  const images = await tx.$queryRaw<Omit<ReleaseFacts, 'references' | 'keptLayers'>[]>`
    select i.id, i.parent_id as "parentId", i.labels,
           array(select c.id from image c where c.parent_id = i.id order by c.id) as "childIds",
           coalesce(i.config #> '{rootfs,diff_ids}', '[]') as "diffIds",
           array(select coalesce(b.content_bytes, b.size_bytes)::float8
                   from manifest_blob p join blob b on b.digest = p.blob_digest
                  where p.position > 0 and p.manifest_digest =
                        (select digest from manifest where image_id = i.id order by published_at desc, digest limit 1)
                  order by p.position) as "layerBytes"
      from image i where i.id = any(${wanted}::text[])`;
  const references = new Map<Digest, ImageReference[]>();
  for (const { imageId, ...reference } of await listReferences(tx, wanted)) {
    references.set(imageId, [...(references.get(imageId) ?? []), reference]);
  }
  const kept = await countKeptLayers(tx, wanted);
  return images.map((image) => ({
    ...image,
    references: references.get(image.id) ?? [],
    keptLayers: kept.get(image.id) ?? 0,
  }));
}

function listReferences(tx: Tx, ids: Digest[]): Promise<(ImageReference & { imageId: Digest })[]> {
  return tx.$queryRaw<(ImageReference & { imageId: Digest })[]>`
    select r.id as "repositoryId", r.name as repository, r.familiar, n.tag, n.digest, n.image_id as "imageId"
      from (select repository_id, name as tag, null as digest, ':' || name as suffix, image_id
              from tag where image_id = any(${ids}::text[])
            union all
            select repository_id, null, manifest_digest, '@' || manifest_digest, image_id
              from repository_manifest where image_id = any(${ids}::text[])) n
      join repository r on r.id = n.repository_id
     order by (r.name || n.suffix) collate "C"`;
}

/** The index answers which other images have all of these layers, the comparison whether they begin with them. */
async function countKeptLayers(tx: Tx, ids: Digest[]): Promise<Map<Digest, number>> {
  const rows = await tx.$queryRaw<{ id: Digest; kept: number }[]>`
    with stack as (
      select i.id, n, jsonb_path_query_array(i.config #> '{rootfs,diff_ids}', '$[0 to $top]',
                                             jsonb_build_object('top', n - 1)) as layers
        from image i
        cross join lateral generate_series(1, jsonb_array_length(coalesce(i.config #> '{rootfs,diff_ids}', '[]'))) n
       where i.id = any(${ids}::text[])
    ), kept as (
      select s.layers from (select distinct n, layers from stack) s
       where exists (
         select from image o
          where o.config #> '{rootfs,diff_ids}' @> s.layers
            and jsonb_path_query_array(o.config #> '{rootfs,diff_ids}', '$[0 to $top]',
                                       jsonb_build_object('top', s.n - 1)) = s.layers
            and o.id not in (select unnest(${ids}::text[])))
    )
    select s.id, max(s.n) as kept from stack s join kept k on k.layers = s.layers group by s.id`;
  return new Map(rows.map(({ id, kept }) => [id, kept]));
}

/** Images and all that they were built on here. */
export async function listImagesAndAncestors(tx: Tx, ids: readonly Digest[]): Promise<Digest[]> {
  const rows = await tx.$queryRaw<{ id: Digest }[]>`
    with recursive ancestry as (
      select id, parent_id from image where id = any(${[...ids]}::text[])
      union
      select i.id, i.parent_id from ancestry a join image i on i.id = a.parent_id
    )
    select id from ancestry`;
  return rows.map(({ id }) => id);
}

/** What a prune may take. */
export interface PruneFilter {
  /** Only images without a tag. */
  dangling: boolean;
  /** Only those created then or before, in unix seconds. */
  untilSeconds?: number;
  labels?: readonly LabelFilter[];
  /** Not those that have all of these. */
  notLabels?: readonly LabelFilter[];
}

/** The images that a prune looks at, newest first; nothing is locked yet. */
export async function listPrunable(tx: Tx, filter: PruneFilter): Promise<Digest[]> {
  const labels = JSON.stringify(filter.labels ?? []);
  const notLabels = JSON.stringify(filter.notLabels ?? []);
  const rows = await tx.$queryRaw<{ id: Digest }[]>`
    select i.id from image i
     where (exists (select from tag t where t.image_id = i.id) and not ${filter.dangling}
            or not exists (select from tag t where t.image_id = i.id)
               and (not exists (select from image c where c.parent_id = i.id)
                    or not ${filter.dangling}
                       and exists (select from repository_manifest d where d.image_id = i.id)))
       and (${filter.untilSeconds ?? null}::float8 is null
            or i.created_at <= to_timestamp(${filter.untilSeconds ?? null}::float8))
       and not exists (select from jsonb_to_recordset(${labels}::jsonb) as l (key text, value text)
                        where not jsonb_exists(i.labels, l.key) or i.labels ->> l.key <> l.value)
       and (${notLabels}::jsonb = '[]'
            or exists (select from jsonb_to_recordset(${notLabels}::jsonb) as l (key text, value text)
                        where not jsonb_exists(i.labels, l.key) or i.labels ->> l.key <> l.value))
     order by i.created_at desc nulls last, i.id`;
  return rows.map(({ id }) => id);
}

/** True for one prune at a time, until its transaction ends. */
export async function tryLockPrune(tx: Tx): Promise<boolean> {
  const [row] = await tx.$queryRaw<{ locked: boolean }[]>`
    select pg_try_advisory_xact_lock(hashtextextended('entrepot image prune', 0)) as locked`;
  return row?.locked ?? false;
}

/** Takes names from images; for a tag it is remembered that it went. */
export async function deleteReferences(
  tx: Tx,
  references: readonly (ImageReference & { imageId: Digest })[],
): Promise<void> {
  if (references.length === 0) return;
  const rows = JSON.stringify(
    references.map(({ repositoryId, repository, tag, digest, imageId }) => ({
      repository_id: String(repositoryId),
      repository,
      tag,
      digest,
      image_id: imageId,
    })),
  );
  await tx.$executeRaw`
    with gone as (
      select * from jsonb_to_recordset(${rows}::jsonb)
          as g (repository_id bigint, repository text, tag text, digest text, image_id text)
    ), tags as (
      delete from tag t using gone g
       where t.repository_id = g.repository_id and t.name = g.tag and t.image_id = g.image_id
      returning g.repository, t.name, t.target_digest
    ), told as (
      insert into tag_event (repository_name, tag, from_digest) select * from tags
    )
    delete from repository_manifest d using gone g
     where d.repository_id = g.repository_id and d.manifest_digest = g.digest and d.image_id = g.image_id`;
}

/** Lets the tags that show one image below an index show another one there. Returns the tags. */
export async function showVariant(
  tx: Tx,
  repository: string,
  { target, from, to }: { target: Digest; from: Digest; to: ImageVariant },
): Promise<string[]> {
  const rows = await tx.$queryRaw<{ name: string }[]>`
    update tag t set shown_digest = ${to.manifestDigest}, image_id = ${to.imageId}, updated_at = now()
      from repository r
     where r.id = t.repository_id and r.name = ${repository}
       and t.target_digest = ${target} and t.image_id = ${from}
    returning t.name`;
  return rows.map(({ name }) => name);
}

/**
 * Deletes locked images that have no name any more, with their manifests, and with the indexes, attestations and
 * signatures that nothing refers to any more. Their blobs are left to the collector.
 */
export async function deleteImages(tx: Tx, ids: readonly Digest[]): Promise<void> {
  if (ids.length === 0) return;
  const related = await listRelatedManifests(tx, ids);
  await tx.$executeRaw`delete from manifest where image_id = any(${[...ids]}::text[])`;
  await tx.$executeRaw`delete from image where id = any(${[...ids]}::text[])`;
  // One level each time: what an index named may go when the index has gone.
  while ((await deleteUnusedManifests(tx, related)) > 0);
}

/** The manifests of images, the indexes above them, and what hangs on either: attestations, signatures, nested indexes. */
async function listRelatedManifests(tx: Tx, imageIds: readonly Digest[]): Promise<Digest[]> {
  const rows = await tx.$queryRaw<{ digest: Digest }[]>`
    with recursive related as (
      select digest, kind from manifest where image_id = any(${[...imageIds]}::text[])
      union
      select m.digest, m.kind from related r cross join lateral (
        select p.digest, p.kind from manifest_child c join manifest p on p.digest = c.parent_digest
         where c.child_digest = r.digest
        union all
        select k.digest, k.kind from manifest_child c join manifest k on k.digest = c.child_digest and k.kind <> 'image'
         where c.parent_digest = r.digest
        union all
        select s.digest, s.kind from manifest s where s.subject_digest = r.digest and s.kind <> 'image'
      ) m
    )
    select digest from related`;
  return rows.map(({ digest }) => digest);
}

/** Of these, those without a name, an index above, a subject, or (of an index) an image below. */
function deleteUnusedManifests(tx: Tx, digests: readonly Digest[]): Promise<number> {
  return tx.$executeRaw`
    delete from manifest m
     where m.digest = any(${[...digests]}::text[]) and m.kind <> 'image'
       and not exists (select from tag t where m.digest in (t.target_digest, t.shown_digest))
       and not exists (select from repository_manifest d where d.manifest_digest = m.digest)
       and not exists (select from manifest_child c where c.child_digest = m.digest)
       and not exists (select from manifest s where s.digest = m.subject_digest)
       and not exists (
         with recursive below as (
           select child_digest from manifest_child where parent_digest = m.digest
           union
           select c.child_digest from below b join manifest_child c on c.parent_digest = b.child_digest
         )
         select from below b join manifest k on k.digest = b.child_digest and k.kind = 'image')`;
}
