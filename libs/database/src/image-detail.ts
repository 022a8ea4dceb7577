import type { Digest } from '@entrepot/oci';
import type { FoundImage } from './image-names.js';
import type { Tx } from './transaction.js';

/** Everything that is known of one image. */
export interface ImageDetail {
  id: Digest;
  /** The parsed config, as it was published. */
  config: Record<string, unknown>;
  os: string;
  architecture: string;
  variant: string | null;
  parentId: Digest | null;
  /** Set when a layer turned out not to be what the config promises. */
  brokenReason: string | null;
  /** When somebody here gave it a name; null after pulls and loads alone. */
  lastTaggedAt: Date | null;
  tags: string[];
  digests: string[];
  layers: ImageLayer[];
  /** What the name stands for: an index, or the image's own manifest. */
  target: { mediaType: string; digest: Digest; sizeBytes: number };
}

/** One layer of the manifest pulled last, bottom first. */
export interface ImageLayer {
  digest: Digest;
  /** Bytes of its files; its stored bytes until it is analysed. */
  sizeBytes: number;
}

/** Reads one image; null when it went since it was found. */
export async function findImageDetail(tx: Tx, found: FoundImage): Promise<ImageDetail | null> {
  const [row] = await tx.$queryRaw<ImageDetail[]>`
    select i.id, i.config, i.os, i.architecture, i.variant, i.parent_id as "parentId",
           i.broken_reason as "brokenReason", i.last_tagged_at as "lastTaggedAt",
           array(select r.familiar || ':' || t.name from tag t join repository r on r.id = t.repository_id
                  where t.image_id = i.id order by (r.name || ':' || t.name) collate "C") as tags,
           array(select r.familiar || '@' || d.manifest_digest
                   from repository_manifest d join repository r on r.id = d.repository_id
                  where d.image_id = i.id order by (r.name || '@' || d.manifest_digest) collate "C") as digests,
           (select jsonb_build_object('mediaType', m.media_type, 'digest', m.digest, 'sizeBytes', octet_length(m.bytes))
              from manifest m where m.digest = ${found.targetDigest}) as target
      from image i where i.id = ${found.imageId}`;
  return row === undefined ? null : { ...row, layers: await listImageLayers(tx, found.imageId) };
}

/** The layers of the image's manifest pulled last, bottom first. */
export function listImageLayers(tx: Tx, imageId: Digest): Promise<ImageLayer[]> {
  return tx.$queryRaw<ImageLayer[]>`
    select b.digest, coalesce(b.content_bytes, b.size_bytes)::float8 as "sizeBytes"
      from manifest_blob p join blob b on b.digest = p.blob_digest
     where p.position > 0 and p.manifest_digest =
           (select digest from manifest where image_id = ${imageId} order by published_at desc, digest limit 1)
     order by p.position`;
}

/** An image that another was built on, with its tags. */
export interface ImageAncestor {
  id: Digest;
  tags: string[];
}

/** The image and those it was built on here, itself first. */
export function listAncestry(tx: Tx, imageId: Digest): Promise<ImageAncestor[]> {
  return tx.$queryRaw<ImageAncestor[]>`
    with recursive ancestry as (
      select id, parent_id, 0 as depth from image where id = ${imageId}
      union all
      select i.id, i.parent_id, a.depth + 1 from ancestry a join image i on i.id = a.parent_id where a.depth < 1000
    )
    select a.id, array(select r.familiar || ':' || t.name from tag t join repository r on r.id = t.repository_id
                        where t.image_id = a.id order by (r.name || ':' || t.name) collate "C") as tags
      from ancestry a order by a.depth`;
}

/** When an image was created, in unix seconds. */
export async function findCreationTime(tx: Tx, imageId: Digest): Promise<number | null> {
  const [row] = await tx.$queryRaw<{ at: number | null }[]>`
    select extract(epoch from created_at)::float8 as at from image where id = ${imageId}`;
  return row?.at ?? null;
}
