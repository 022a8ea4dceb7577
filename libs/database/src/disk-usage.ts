import type { Digest } from '@entrepot/oci';
import type { Tx } from './transaction.js';

/** What the images take together; sizes are those that lists show. */
export interface DiskUsage {
  images: number;
  /** Each distinct layer once. */
  layersBytes: number;
  /** Stored bytes of all blobs: compressed layers, configs. */
  storedBytes: number;
  blobs: number;
}

/** Counts what there is. */
export async function measureDiskUsage(tx: Tx): Promise<DiskUsage> {
  const [row] = await tx.$queryRaw<DiskUsage[]>`
    select (select count(*)::int from image) as images,
           (select count(*)::int from blob) as blobs,
           (select coalesce(sum(size_bytes), 0)::float8 from blob) as "storedBytes",
           (select coalesce(sum(coalesce(content_bytes, size_bytes)), 0)::float8 from blob b
             where exists (select from manifest_blob p where p.blob_digest = b.digest and p.position > 0))
             as "layersBytes"`;
  return row as DiskUsage;
}

/** Of each image, the bytes in layers that another image has too. */
export async function measureSharedBytes(tx: Tx): Promise<Map<Digest, number>> {
  const rows = await tx.$queryRaw<{ id: Digest; bytes: number }[]>`
    with latest as (
      select distinct on (image_id) image_id as id, digest from manifest where image_id is not null
       order by image_id, published_at desc, digest
    ), part as (
      select distinct l.id, p.position, p.blob_digest
        from latest l join manifest_blob p on p.manifest_digest = l.digest and p.position > 0
    ), shared as (
      select blob_digest from part group by blob_digest having count(distinct id) > 1
    )
    select p.id, sum(coalesce(b.content_bytes, b.size_bytes))::float8 as bytes
      from part p join shared s using (blob_digest) join blob b on b.digest = p.blob_digest
     group by p.id`;
  return new Map(rows.map(({ id, bytes }) => [id, bytes]));
}

/** Stored bytes that nothing refers to any more, and that wait for the collection. */
export async function measureCollectable(tx: Tx): Promise<number> {
  const [row] = await tx.$queryRaw<{ bytes: number }[]>`
    select coalesce(sum(b.size_bytes), 0)::float8 as bytes from blob_review r join blob b on b.digest = r.blob_digest
     where not exists (select from blob_in_use u where u.blob_digest = r.blob_digest)`;
  return row?.bytes ?? 0;
}
