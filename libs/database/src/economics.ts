// Stored bytes by who uses them: configs, layers in every encoding here, and the indexes of layers. A blob is shared when
// somebody outside the group uses it too, a container being somebody.
import type { Digest } from '@entrepot/oci';
import { Prisma } from './generated/client.js';
import type { Tx } from './transaction.js';

/** What one group of images costs. `sharedBytes` and `uniqueBytes` are `totalBytes` together. */
export interface StoredBytes {
  key: string;
  images: number;
  blobs: number;
  totalBytes: number;
  /** Used outside the group too. */
  sharedBytes: number;
  /** What would go with the group. */
  uniqueBytes: number;
}

export type EconomicsKey = { by: 'image' } | { by: 'repository' } | { by: 'label'; label: string };

/** Groups by unique bytes, greatest first. Images without a name or label are in the group `''`. */
export async function listStoredBytes(
  tx: Tx,
  { key, limit, imageIds }: { key: EconomicsKey; limit: number; imageIds?: readonly Digest[] },
): Promise<StoredBytes[]> {
  const wanted = imageIds === undefined ? Prisma.sql`true` : Prisma.sql`g.key = any(${[...imageIds]}::text[])`;
  return await tx.$queryRaw<StoredBytes[]>`
    with used as (${usedBlobs}), grouped as (${groupOf(key)}),
    held as (
      select distinct g.key, u.digest from grouped g join used u on u.image_id = g.image_id
    ), outside as (
      select blob_digest as digest from container_layer union select blob_digest from container_entry
    ), holders as (
      select digest, count(*) as groups from held group by digest
    ), sums as (
      select h.key, count(*)::int as blobs, sum(b.size_bytes)::float8 as total,
             coalesce(sum(b.size_bytes) filter (
               where n.groups = 1 and not exists (select from outside o where o.digest = h.digest)), 0)::float8 as own
        from held h join holders n using (digest) join blob b using (digest)
       group by h.key
    )
    select s.key, (select count(distinct g.image_id)::int from grouped g where g.key = s.key) as images, s.blobs,
           s.total as "totalBytes", s.total - s.own as "sharedBytes", s.own as "uniqueBytes"
      from sums s join lateral (select s.key) g on ${wanted}
     order by s.own desc, s.key limit ${limit}`;
}

/** All stored bytes that images use, each blob once. */
export async function measureUsedBytes(tx: Tx): Promise<{ blobs: number; sizeBytes: number; wouldTakeBytes: number }> {
  const [row] = await tx.$queryRaw<{ blobs: number; sizeBytes: number; wouldTakeBytes: number }[]>`
    with used as (${usedBlobs})
    select count(distinct u.digest)::int as blobs,
           coalesce((select sum(b.size_bytes) from blob b where b.digest in (select digest from used)), 0)::float8 as "sizeBytes",
           coalesce(sum(b.size_bytes), 0)::float8 as "wouldTakeBytes"
      from used u join blob b using (digest)`;
  return row ?? { blobs: 0, sizeBytes: 0, wouldTakeBytes: 0 };
}

/** Every image with each blob it keeps: of all its manifests, and the indexes of its layers. */
const usedBlobs = Prisma.sql`
  select m.image_id, p.blob_digest as digest
    from manifest m join manifest_blob p on p.manifest_digest = m.digest where m.image_id is not null
  union
  select m.image_id, l.blob_digest
    from manifest m join manifest_blob p on p.manifest_digest = m.digest
    join layer_index l on l.layer_digest = p.blob_digest where m.image_id is not null`;

function groupOf(key: EconomicsKey): Prisma.Sql {
  switch (key.by) {
    case 'image':
      return Prisma.sql`select id as key, id as image_id from image`;
    case 'label':
      return Prisma.sql`select coalesce(labels ->> ${key.label}, '') as key, id as image_id from image`;
    case 'repository':
      return Prisma.sql`
        select coalesce(n.familiar, '') as key, i.id as image_id
          from image i left join lateral (
            select r.familiar from tag t join repository r on r.id = t.repository_id where t.image_id = i.id
            union
            select r.familiar from repository_manifest d join repository r on r.id = d.repository_id
             where d.image_id = i.id) n on true`;
  }
}
