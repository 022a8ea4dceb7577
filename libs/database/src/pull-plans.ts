import type { Digest } from '@entrepot/oci';
import { jsonbText } from './jsonb-text.js';
import type { Tx } from './transaction.js';

export interface PlannedManifest {
  digest: Digest;
  mediaType: string;
  bytes: Uint8Array;
  /** What it belongs to, when it does not say so itself. */
  subject?: Digest | null;
}

export interface PlannedBlob {
  digest: Digest;
  sizeBytes: number;
  mediaType: string;
  /** Where else the bytes are; of foreign layers. */
  urls: string[];
  wasHere: boolean;
}

/** Somebody who waits for a blob, and how it may be fetched. */
export interface FetchWaiter {
  digest: Digest;
  pullId: string;
  reference: string;
  kind: 'interactive' | 'batch';
  mediaType: string;
  sizeBytes: number;
  urls: string[];
  credential: Uint8Array | null;
  ageMs: number;
}

/** Writes the plan of a queued pull that the caller has locked, moves it on, and tells everybody who watches. */
export async function insertPlan(
  tx: Tx,
  pullId: string,
  plan: { target: Digest; shown: Digest; manifests: readonly PlannedManifest[]; blobs: readonly PlannedBlob[] },
  state: 'fetching' | 'publishing',
): Promise<void> {
  const { manifests } = plan;
  const blobs = plan.blobs.map((blob, position) => ({
    position,
    blob_digest: blob.digest,
    size_bytes: blob.sizeBytes,
    media_type: blob.mediaType,
    urls: blob.urls,
    was_here: blob.wasHere,
  }));
  await tx.$queryRaw`
    with manifests as (
      insert into pull_manifest (pull_id, position, digest, media_type, bytes, subject_digest)
        select ${pullId}::uuid, m.position - 1, m.digest, m.media_type, m.bytes, m.subject
          from unnest(${manifests.map((m) => m.digest)}::text[], ${manifests.map((m) => m.mediaType)}::text[],
                      ${manifests.map((m) => m.bytes)}::bytea[], ${manifests.map((m) => m.subject ?? null)}::text[])
               with ordinality as m (digest, media_type, bytes, subject, position)),
    blobs as (
      insert into pull_blob (pull_id, position, blob_digest, size_bytes, media_type, urls, was_here)
        select ${pullId}::uuid, b.* from jsonb_to_recordset(${jsonbText(blobs)}::jsonb)
               as b (position int, blob_digest text, size_bytes bigint, media_type text, urls text[], was_here boolean))
    update pull set state = ${state}, target_digest = ${plan.target}, shown_digest = ${plan.shown}
     where id = ${pullId}::uuid
    returning pg_notify('entrepot', 'pull:' || id)::text`;
}

export async function listPlannedManifests(tx: Tx, pullId: string): Promise<PlannedManifest[]> {
  return await tx.$queryRaw<PlannedManifest[]>`
    select digest, media_type as "mediaType", bytes, subject_digest as subject from pull_manifest where pull_id = ${pullId}::uuid
     order by position`;
}

export async function listPlannedBlobs(tx: Tx, pullId: string): Promise<PlannedBlob[]> {
  return await tx.$queryRaw<PlannedBlob[]>`
    select blob_digest as digest, size_bytes::float8 as "sizeBytes", media_type as "mediaType", urls,
           was_here as "wasHere"
      from pull_blob where pull_id = ${pullId}::uuid order by position`;
}

/** Blobs of the pull that are on their way. */
export async function listMissingBlobs(tx: Tx, pullId: string): Promise<Digest[]> {
  const rows = await tx.$queryRaw<{ digest: Digest }[]>`
    select b.blob_digest as digest from pull_blob b join blob_fetch f on f.digest = b.blob_digest
     where b.pull_id = ${pullId}::uuid order by b.position`;
  return rows.map((row) => row.digest);
}

/** Pulls that wait for a blob nobody fetches, because they lost their lease on it. */
export async function listStalledPulls(tx: Tx, limit: number): Promise<string[]> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    select p.id::text from pull p
     where p.state = 'fetching' and exists (
       select from pull_blob b
        where b.pull_id = p.id and not exists (select from blob_fetch f where f.digest = b.blob_digest)
          and not exists (select from blob_lease l where l.blob_digest = b.blob_digest and l.owner = 'pull:' || p.id))
     limit ${limit}`;
  return rows.map((row) => row.id);
}

/** Those who wait for these blobs: people before batches, then the oldest. */
export async function listFetchWaiters(tx: Tx, digests: readonly Digest[]): Promise<FetchWaiter[]> {
  return await tx.$queryRaw<FetchWaiter[]>`
    select b.blob_digest as digest, p.id::text as "pullId", p.reference, p.kind, b.media_type as "mediaType",
           b.size_bytes::float8 as "sizeBytes", b.urls, p.credential,
           (extract(epoch from now() - p.created_at) * 1000)::float8 as "ageMs"
      from pull_blob b join pull p on p.id = b.pull_id
     where b.blob_digest = any(${[...digests]}::text[]) and p.state = 'fetching'
     order by p.kind desc, p.created_at, p.id`;
}
