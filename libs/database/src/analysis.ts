import type { Digest } from '@entrepot/oci';
import type { Tx } from './transaction.js';

/** A layer whose inside is not known yet. */
export interface UnanalysedLayer {
  digest: Digest;
  storageKey: string;
  /** How long it has been stored. */
  ageMs: number;
  /** Somebody waits for it. */
  isWanted: boolean;
}

/** What reading a layer has shown. */
export interface LayerFindings {
  diffId: Digest;
  uncompressedBytes: number;
  contentBytes: number;
  entryCount: number;
}

/** The layer, unless it was analysed already or is gone. */
export async function findUnanalysedLayer(tx: Tx, digest: Digest): Promise<UnanalysedLayer | null> {
  const rows = await tx.$queryRaw<UnanalysedLayer[]>`
    select digest, storage_key as "storageKey",
           (extract(epoch from now() - created_at) * 1000)::double precision as "ageMs",
           analysis_wanted_at is not null as "isWanted"
      from blob where digest = ${digest} and analysed_at is null`;
  return rows[0] ?? null;
}

/** Layers of images here that nobody has looked into, longest stored first. */
export async function listUnanalysedLayers(tx: Tx, options: { storedForMs: number; limit: number }): Promise<Digest[]> {
  const rows = await tx.$queryRaw<{ digest: Digest }[]>`
    select b.digest from blob b
     where b.analysed_at is null
       and b.created_at <= now() - make_interval(secs => ${options.storedForMs / 1000}::double precision)
       and exists (
         select from manifest_blob mb join manifest m on m.digest = mb.manifest_digest
          where mb.blob_digest = b.digest and mb.position > 0 and m.kind = 'image')
     order by b.created_at, b.digest
     limit ${options.limit}`;
  return rows.map((row) => row.digest);
}

/** Those of the blobs that are layers of an image here and that nobody has looked into. */
export async function filterUnanalysedLayers(tx: Tx, blobs: readonly Digest[]): Promise<Digest[]> {
  const rows = await tx.$queryRaw<{ digest: Digest }[]>`
    select b.digest from blob b
     where b.digest = any(${[...blobs]}::text[]) and b.analysed_at is null
       and exists (
         select from manifest_blob mb join manifest m on m.digest = mb.manifest_digest
          where mb.blob_digest = b.digest and mb.position > 0 and m.kind = 'image')`;
  return rows.map((row) => row.digest);
}

/** How many blobs are on their way at this moment, by whomever. */
export async function countRunningFetches(tx: Tx): Promise<number> {
  const rows = await tx.$queryRaw<{ count: number }[]>`
    select count(*)::int as count from blob_fetch where state = 'running' and lease_until > now()`;
  return rows[0]?.count ?? 0;
}

/** Writes down what a layer holds. A no-op when the blob is gone. */
export async function saveLayerFindings(tx: Tx, digest: Digest, findings: LayerFindings): Promise<void> {
  await tx.$executeRaw`
    update blob set diff_id = ${findings.diffId}, uncompressed_bytes = ${findings.uncompressedBytes},
           content_bytes = ${findings.contentBytes}, entry_count = ${findings.entryCount},
           analysed_at = now(), analysis_error = null, analysis_wanted_at = null
     where digest = ${digest}`;
}

/** Writes down why a layer cannot be read. A no-op when the blob is gone. */
export async function saveLayerFailure(tx: Tx, digest: Digest, reason: string): Promise<void> {
  await tx.$executeRaw`
    update blob set analysed_at = now(), analysis_error = ${reason}, analysis_wanted_at = null
     where digest = ${digest}`;
}

/**
 * Marks the images that use one of these blobs as a layer and whose configuration says another thing of it. Returns
 * their ids. An image that is marked already keeps its reason.
 */
export async function markBrokenImages(tx: Tx, layers: readonly Digest[]): Promise<Digest[]> {
  const rows = await tx.$queryRaw<{ id: Digest }[]>`
    update image i set broken_reason = found.reason
      from (
        select distinct on (m.image_id) m.image_id as id,
               coalesce(b.analysis_error, 'layers from manifest don''t match image configuration: layer ' || b.digest
                 || ' has diff id ' || b.diff_id) as reason
          from manifest m
          join manifest_blob mb on mb.manifest_digest = m.digest and mb.position > 0
          join blob b on b.digest = mb.blob_digest and b.analysed_at is not null
          join image o on o.id = m.image_id
         where m.kind = 'image' and mb.blob_digest = any(${[...layers]}::text[])
           and (b.analysis_error is not null
             or b.diff_id is distinct from o.config -> 'rootfs' -> 'diff_ids' ->> (mb.position - 1))
         order by m.image_id, mb.position
      ) found
     where i.id = found.id and i.broken_reason is null
     returning i.id`;
  return rows.map((row) => row.id);
}

/** A stored layer that unpacks to these bytes, as a manifest here describes it. */
export async function findLayerByDiffId(tx: Tx, diffId: Digest): Promise<KnownLayer | null> {
  const rows = await tx.$queryRaw<KnownLayer[]>`
    select b.digest, b.size_bytes::float8 as "sizeBytes", mb.media_type as "mediaType"
      from blob b join manifest_blob mb on mb.blob_digest = b.digest and mb.position > 0
     where b.diff_id = ${diffId}
     order by b.digest, mb.media_type limit 1`;
  return rows[0] ?? null;
}

export interface KnownLayer {
  digest: Digest;
  sizeBytes: number;
  mediaType: string;
}
