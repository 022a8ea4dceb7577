import type { Digest } from '@entrepot/oci';
import type { Tx } from './transaction.js';

/** One thing that can be saved: what a name stands for, and which image of it classic commands show. */
export interface ArchiveTarget {
  /** `docker.io/library/redis:7`; null when it was named by an id or a digest. */
  reference: string | null;
  targetDigest: Digest;
  shownDigest: Digest;
  imageId: Digest;
}

/** The tags of a repository, or the one tag of that name; ordered by tag. */
export async function listTagTargets(tx: Tx, repository: string, tag: string | null): Promise<ArchiveTarget[]> {
  return tx.$queryRaw<ArchiveTarget[]>`
    select r.name || ':' || t.name as "reference", t.target_digest as "targetDigest",
           t.shown_digest as "shownDigest", t.image_id as "imageId"
      from tag t join repository r on r.id = t.repository_id
     where r.name = ${repository} and (${tag}::text is null or t.name = ${tag})
     order by t.name`;
}

/** What a digest names in a repository: an image, or an index of which one image is here. */
export async function findDigestTarget(tx: Tx, repository: string, digest: Digest): Promise<ArchiveTarget | null> {
  const found = await tx.$queryRaw<ArchiveTarget[]>`
    with recursive tree as (
      select ${digest}::text as digest
      union
      select c.child_digest from tree t join manifest_child c on c.parent_digest = t.digest
    )
    select null as "reference", ${digest}::text as "targetDigest", m.digest as "shownDigest", m.image_id as "imageId"
      from repository_manifest rm
      join repository r on r.id = rm.repository_id and r.name = ${repository}
      join manifest m on m.image_id = rm.image_id
      join tree t on t.digest = m.digest
     where rm.manifest_digest = ${digest}
     order by rm.created_at desc, m.published_at desc, m.digest
     limit 1`;
  return found[0] ?? null;
}

/**
 * The image of this id, or the only one whose id begins so; of its manifests the one pulled last. `null` when there
 * is none, or more than one.
 */
export async function findImageTarget(tx: Tx, idPrefix: string): Promise<ArchiveTarget | null> {
  const found = await tx.$queryRaw<ArchiveTarget[]>`
    select null as "reference", m.digest as "targetDigest", m.digest as "shownDigest", i.id as "imageId"
      from image i
      cross join lateral (
        select digest from manifest where image_id = i.id order by published_at desc, digest limit 1
      ) m
     where starts_with(i.id, ${idPrefix})
     limit 2`;
  return found.length === 1 ? (found[0] ?? null) : null;
}

/** A manifest that is here, with its exact bytes and, when it is an image, whose. */
export interface ManifestDocument {
  digest: Digest;
  mediaType: string;
  kind: 'image' | 'index' | 'artifact';
  bytes: Buffer;
  imageId: Digest | null;
  /** What it belongs to. */
  subjectDigest: Digest | null;
  platform: ImagePlatform | null;
}

/** These manifests, everything below them that is here, and what belongs to any of it. */
export async function listManifestTree(tx: Tx, roots: readonly Digest[]): Promise<ManifestDocument[]> {
  const rows = await tx.$queryRaw<(Omit<ManifestDocument, 'bytes'> & { bytes: Uint8Array })[]>`
    with recursive tree as (
      select digest from unnest(${[...roots]}::text[]) digest
      union
      select m.digest from tree t cross join lateral (
        select c.child_digest as digest from manifest_child c where c.parent_digest = t.digest
        union all
        select s.digest from manifest s where s.subject_digest = t.digest and s.kind = 'artifact'
      ) m
    )
    select m.digest, m.media_type as "mediaType", m.kind, m.bytes, m.image_id as "imageId",
           m.subject_digest as "subjectDigest",
           case when i.id is not null
                then jsonb_build_object('os', i.os, 'architecture', i.architecture, 'variant', i.variant) end as platform
      from tree t join manifest m on m.digest = t.digest left join image i on i.id = m.image_id
     order by m.digest`;
  return rows.map((row) => ({ ...row, bytes: Buffer.from(row.bytes) }));
}

/** The platform of the image that a manifest describes. */
export async function findManifestPlatform(tx: Tx, manifest: Digest): Promise<ImagePlatform | null> {
  const rows = await tx.$queryRaw<ImagePlatform[]>`
    select i.os, i.architecture, i.variant
      from manifest m join image i on i.id = m.image_id where m.digest = ${manifest}`;
  return rows[0] ?? null;
}

export interface ImagePlatform {
  os: string;
  architecture: string;
  variant: string | null;
}
