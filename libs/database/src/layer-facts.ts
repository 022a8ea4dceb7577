// What layers weigh and who shares them. The same plain bytes are one layer whatever their encoding: sharing goes by
// diff id where it is known, and by digest where it is not.
import type { Digest } from '@entrepot/oci';
import type { Tx } from './transaction.js';

/** One layer of an image with those who share it. */
export interface LayerFacts {
  digest: Digest;
  mediaType: string;
  /** As stored. */
  sizeBytes: number;
  diffId: Digest | null;
  uncompressedBytes: number | null;
  contentBytes: number | null;
  entries: number | null;
  error: string | null;
  /** Other images with this layer in any encoding, and some of their names. */
  sharedBy: number;
  sharedByNames: string[];
  /** Blobs of the same plain bytes in other encodings. */
  encodings: Digest[];
}

/** The layers of a manifest, bottom first. */
export async function listLayerFacts(tx: Tx, manifest: Digest, names: number): Promise<LayerFacts[]> {
  return await tx.$queryRaw<LayerFacts[]>`
    select b.digest, p.media_type as "mediaType", b.size_bytes::float8 as "sizeBytes", b.diff_id as "diffId",
           b.uncompressed_bytes::float8 as "uncompressedBytes", b.content_bytes::float8 as "contentBytes",
           b.entry_count as entries, b.analysis_error as error,
           (select count(distinct o.image_id)::int from manifest_blob q join manifest o on o.digest = q.manifest_digest
             where q.position > 0 and q.blob_digest = any(twins.digests) and o.image_id <> m.image_id) as "sharedBy",
           array(select r.familiar || ':' || t.name from tag t join repository r on r.id = t.repository_id
                  where t.image_id <> m.image_id and t.image_id in (
                    select o.image_id from manifest_blob q join manifest o on o.digest = q.manifest_digest
                     where q.position > 0 and q.blob_digest = any(twins.digests))
                  order by 1 limit ${names}) as "sharedByNames",
           array_remove(twins.digests, b.digest) as encodings
      from manifest m
      join manifest_blob p on p.manifest_digest = m.digest and p.position > 0
      join blob b on b.digest = p.blob_digest
      cross join lateral (
        select array(select b.digest union select e.digest from blob e where e.diff_id = b.diff_id order by 1) as digests
      ) twins
     where m.digest = ${manifest}
     order by p.position`;
}

/** The manifest of an image that was pulled last; null when the image is gone. */
export async function findLatestManifest(tx: Tx, imageId: Digest): Promise<Digest | null> {
  const rows = await tx.$queryRaw<{ digest: Digest }[]>`
    select digest from manifest where image_id = ${imageId} order by published_at desc, digest limit 1`;
  return rows[0]?.digest ?? null;
}
