import type { Digest } from '@entrepot/oci';
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
  /** Of the containers that were made of it, newest first. */
  containerIds: string[];
  labels: Record<string, string>;
  /** In the order of the full names. */
  references: ImageReference[];
  diffIds: Digest[];
  /** Of the layers of its manifest pulled last. */
  layerBytes: number[];
  /** How many layers, from the bottom, a container has too, or an image that is not among those asked for. */
  keptLayers: number;
}

/** The facts of images that are locked, in no order. */
export async function listReleaseFacts(tx: Tx, ids: readonly Digest[]): Promise<ReleaseFacts[]> {
  const wanted = [...ids];
  const images = await tx.$queryRaw<Omit<ReleaseFacts, 'references' | 'keptLayers'>[]>`
    select i.id, i.parent_id as "parentId", i.labels,
           array(select c.id from image c where c.parent_id = i.id order by c.id) as "childIds",
           array(select c.id from container c where c.image_id = i.id order by c.created_at desc, c.id)
             as "containerIds",
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
          or exists (
         select from container o
          where o.image_config #> '{rootfs,diff_ids}' @> s.layers
            and jsonb_path_query_array(o.image_config #> '{rootfs,diff_ids}', '$[0 to $top]',
                                       jsonb_build_object('top', s.n - 1)) = s.layers)
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

/**
 * What the removals of this transaction took the last reference from: the blobs that it has queued for review and that
 * nothing uses any more, and the indexes that go with layers among them. Asked in the transaction, after its last
 * statement.
 */
export async function measureReleased(tx: Tx): Promise<{ freedBytes: number; freedBlobs: number }> {
  const [row] = await tx.$queryRaw<{ freedBytes: number; freedBlobs: number }[]>`
    with gone as (
      select r.blob_digest as digest from blob_review r
       where r.unreferenced_at = now() and r.event = 'manifest'
         and not exists (select from blob_in_use u where u.blob_digest = r.blob_digest)
    ), parts as (
      select l.blob_digest as digest from gone g join layer_index l on l.layer_digest = g.digest
       group by l.blob_digest
      having count(*) = (select count(*) from blob_in_use u where u.blob_digest = l.blob_digest)
    )
    select coalesce(sum(b.size_bytes), 0)::float8 as "freedBytes", count(*)::int as "freedBlobs"
      from (select digest from gone union select digest from parts) f join blob b using (digest)`;
  return row as { freedBytes: number; freedBlobs: number };
}
