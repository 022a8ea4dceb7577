import type { Digest } from '@entrepot/oci';
import type { Tx } from './transaction.js';

/** A manifest that is no image and belongs to one: a signature, an attestation, an SBOM. */
export interface ArtifactRow {
  digest: Digest;
  mediaType: string;
  bytes: Buffer;
  /** Of its blobs, stored. */
  sizeBytes: number;
}

/** What is here of what belongs to a manifest or to anything below it, in the order of digests. */
export async function listArtifacts(tx: Tx, target: Digest): Promise<ArtifactRow[]> {
  const rows = await tx.$queryRaw<(Omit<ArtifactRow, 'bytes'> & { bytes: Uint8Array })[]>`
    with recursive related as (
      select ${target}::text as digest
      union
      select m.digest from related r cross join lateral (
        select c.child_digest as digest from manifest_child c where c.parent_digest = r.digest
        union all
        select s.digest from manifest s where s.subject_digest = r.digest
      ) m
    )
    select m.digest, m.media_type as "mediaType", m.bytes,
           (select coalesce(sum(b.size_bytes), 0)::float8 from manifest_blob p join blob b on b.digest = p.blob_digest
             where p.manifest_digest = m.digest) as "sizeBytes"
      from related r join manifest m on m.digest = r.digest
     where m.kind = 'artifact'
     order by m.digest limit 1000`;
  return rows.map((row) => ({ ...row, bytes: Buffer.from(row.bytes) }));
}
