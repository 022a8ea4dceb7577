import type { Digest } from '@entrepot/oci';
import type { Tx } from './transaction.js';

/** One manifest of what an image's name stands for. */
export interface ManifestSummary {
  digest: Digest;
  mediaType: string;
  sizeBytes: number;
  /** Its bytes are here. */
  isHere: boolean;
  /** Of an image that is here its own, of one that is absent what the index says. */
  platform: { architecture: string; os: string; variant?: string } | null;
  attestationFor: Digest | null;
  /** Stored bytes: manifest, config, layers. */
  contentBytes: number;
  /** Bytes of the files in its layers. */
  unpackedBytes: number;
}

/**
 * Of each image, what its first name stands for, and when that is an index everything it names, in its order. An
 * image without a name stands for its manifest pulled last.
 */
export async function listManifestSummaries(
  tx: Tx,
  imageIds: readonly Digest[],
): Promise<Map<Digest, ManifestSummary[]>> {
  const rows = await tx.$queryRaw<(ManifestSummary & { imageId: Digest })[]>`
    with target as (
      select i.id, coalesce(
        (select t.target_digest from tag t join repository r on r.id = t.repository_id
          where t.image_id = i.id order by (r.name || ':' || t.name) collate "C" limit 1),
        (select d.manifest_digest from repository_manifest d join repository r on r.id = d.repository_id
          where d.image_id = i.id order by (r.name || '@' || d.manifest_digest) collate "C" limit 1),
        (select digest from manifest where image_id = i.id order by published_at desc, digest limit 1)) as digest
        from image i where i.id = any(${[...imageIds]}::text[])
    ), part as (
      select t.id, -1 as position, m.digest, m.media_type, octet_length(m.bytes)::bigint as size_bytes,
             null as os, null as architecture, null as variant, null as attestation_for
        from target t join manifest m on m.digest = t.digest
      union all
      select t.id, c.position, c.child_digest, c.media_type, c.size_bytes, c.os, c.architecture, c.variant,
             c.attestation_for
        from target t join manifest_child c on c.parent_digest = t.digest
    )
    select p.id as "imageId", p.digest, p.media_type as "mediaType", p.size_bytes::float8 as "sizeBytes",
           m.digest is not null as "isHere", p.attestation_for as "attestationFor",
           case when coalesce(i.os, p.os) is not null then jsonb_strip_nulls(jsonb_build_object(
             'architecture', coalesce(i.architecture, p.architecture), 'os', coalesce(i.os, p.os),
             'variant', coalesce(i.variant, p.variant))) end as platform,
           case when m.digest is null then 0 else p.size_bytes + coalesce(b.stored, 0) end::float8 as "contentBytes",
           coalesce(b.unpacked, 0)::float8 as "unpackedBytes"
      from part p
      left join manifest m on m.digest = p.digest
      left join image i on i.id = m.image_id
      left join lateral (
        select sum(b.size_bytes) as stored,
               sum(coalesce(b.content_bytes, b.size_bytes)) filter (where c.position > 0) as unpacked
          from manifest_blob c join blob b on b.digest = c.blob_digest where c.manifest_digest = m.digest) b on true
     order by p.id, p.position`;
  const byImage = new Map<Digest, ManifestSummary[]>();
  for (const { imageId, ...summary } of rows) byImage.set(imageId, [...(byImage.get(imageId) ?? []), summary]);
  return byImage;
}
