import type { Digest } from '@entrepot/oci';
import { jsonbText } from './jsonb-text.js';
import type { Tx } from './transaction.js';

export type ManifestKind = 'image' | 'index' | 'artifact';

/** One manifest with everything it refers to. */
export interface ManifestRow {
  digest: Digest;
  mediaType: string;
  kind: ManifestKind;
  bytes: Uint8Array;
  /** Digest of the config; of images only. */
  imageId: Digest | null;
  subjectDigest: Digest | null;
}

/** What an image says of itself, in its config. */
export interface ImageRow {
  id: Digest;
  config: Record<string, unknown>;
  os: string;
  architecture: string;
  variant: string | null;
  labels: Record<string, string>;
  /** RFC 3339; null when it says none. */
  createdAt: string | null;
  /** The image from which it was made here; one that has gone by now counts as none. */
  parentId: Digest | null;
}

/** Position 0 is the config, layers follow from 1 in their order. */
export interface ManifestBlobRow {
  manifestDigest: Digest;
  position: number;
  blobDigest: Digest;
  mediaType: string;
}

export interface ManifestChildRow {
  parentDigest: Digest;
  position: number;
  childDigest: Digest;
  mediaType: string;
  sizeBytes: number;
  os: string | null;
  architecture: string | null;
  variant: string | null;
  attestationFor: string | null;
}

export interface ManifestGraph {
  manifests: readonly ManifestRow[];
  images: readonly ImageRow[];
  blobs: readonly ManifestBlobRow[];
  children: readonly ManifestChildRow[];
}

/** Those of the manifests that are here, in no order. */
export async function findManifests(tx: Tx, digests: readonly Digest[]): Promise<ManifestRow[]> {
  return await tx.$queryRaw<ManifestRow[]>`
    select digest, media_type as "mediaType", kind, bytes, image_id as "imageId", subject_digest as "subjectDigest"
      from manifest where digest = any(${[...digests]}::text[])`;
}

/**
 * Puts manifests with their images, blobs and children. What is there already counts as published now, and is locked,
 * so that a removal that goes on either sees it used or has ended before. Images first, as a removal locks them.
 */
export async function putManifests(tx: Tx, graph: ManifestGraph): Promise<void> {
  await putImages(tx, graph.images);
  const manifests = sortBy(graph.manifests, 'digest');
  const blobs = jsonbText(graph.blobs.map(blobRecord));
  const children = jsonbText(graph.children.map(childRecord));
  await tx.$executeRaw`
    with manifests as (
      insert into manifest (digest, media_type, kind, bytes, image_id, subject_digest)
        select * from unnest(${manifests.map((m) => m.digest)}::text[], ${manifests.map((m) => m.mediaType)}::text[],
                             ${manifests.map((m) => m.kind)}::text[], ${manifests.map((m) => m.bytes)}::bytea[],
                             ${manifests.map((m) => m.imageId)}::text[], ${manifests.map((m) => m.subjectDigest)}::text[])
        on conflict (digest) do update
          set published_at = now(), subject_digest = coalesce(manifest.subject_digest, excluded.subject_digest)),
    blobs as (
      insert into manifest_blob (manifest_digest, position, blob_digest, media_type)
        select * from jsonb_to_recordset(${blobs}::jsonb)
                   as b (manifest_digest text, position int, blob_digest text, media_type text)
        on conflict do nothing)
    insert into manifest_child (parent_digest, position, child_digest, media_type, size_bytes, os, architecture,
                                variant, attestation_for)
      select * from jsonb_to_recordset(${children}::jsonb)
                 as c (parent_digest text, position int, child_digest text, media_type text, size_bytes bigint,
                       os text, architecture text, variant text, attestation_for text)
      on conflict do nothing`;
}

/** A statement of its own: the next one has to see what a removal took away that ours waited for. */
async function putImages(tx: Tx, images: readonly ImageRow[]): Promise<void> {
  if (images.length === 0) return;
  await tx.$executeRaw`
    insert into image (id, config, os, architecture, variant, labels, created_at, parent_id)
      select id, config, os, architecture, variant, labels, created_at,
             (select p.id from image p where p.id = i.parent_id and p.id <> i.id for key share)
        from jsonb_to_recordset(${jsonbText(sortBy(images, 'id').map(imageRecord))}::jsonb)
          as i (id text, config jsonb, os text, architecture text, variant text, labels jsonb,
                created_at timestamptz, parent_id text)
      on conflict (id) do update
        set id = excluded.id, parent_id = coalesce(excluded.parent_id, image.parent_id)`;
}

function imageRecord(image: ImageRow) {
  const { id, config, os, architecture, variant, labels, createdAt, parentId } = image;
  return { id, config, os, architecture, variant, labels, created_at: createdAt, parent_id: parentId };
}

function blobRecord({ manifestDigest, position, blobDigest, mediaType }: ManifestBlobRow) {
  return { manifest_digest: manifestDigest, position, blob_digest: blobDigest, media_type: mediaType };
}

function childRecord(child: ManifestChildRow) {
  const { position, os, architecture, variant } = child;
  const names = { parent_digest: child.parentDigest, child_digest: child.childDigest, media_type: child.mediaType };
  return {
    ...names,
    position,
    os,
    architecture,
    variant,
    size_bytes: child.sizeBytes,
    attestation_for: child.attestationFor,
  };
}

/** One order for everybody who locks several rows, so that two of them cannot wait for each other. */
function sortBy<T, K extends keyof T>(rows: readonly T[], key: K): T[] {
  return [...rows].sort((a, b) => (a[key] < b[key] ? -1 : 1));
}
