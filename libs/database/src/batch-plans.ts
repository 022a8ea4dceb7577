import type { Digest } from '@entrepot/oci';
import type { BatchPlan } from './batches.js';
import { afterMs } from './database-time.js';
import type { PlannedManifest } from './pull-plans.js';
import type { Tx } from './transaction.js';

/** Manifests whose bytes are at hand, published or read while planning. In no order. */
export async function findKnownManifests(tx: Tx, digests: readonly Digest[]): Promise<PlannedManifest[]> {
  return await tx.$queryRaw<PlannedManifest[]>`
    select digest, media_type as "mediaType", bytes from manifest where digest = any(${[...digests]}::text[])
    union all
    select digest, media_type, bytes from planned_manifest p
     where digest = any(${[...digests]}::text[]) and not exists (select from manifest m where m.digest = p.digest)`;
}

/** Keeps manifests for the pulls that follow a plan. */
export async function keepManifests(tx: Tx, manifests: readonly PlannedManifest[], keepMs: number): Promise<void> {
  if (manifests.length === 0) return;
  await tx.$executeRaw`
    insert into planned_manifest (digest, media_type, bytes, kept_until)
      select distinct on (digest) digest, media_type, bytes, ${afterMs(keepMs)}
        from unnest(${manifests.map((m) => m.digest)}::text[], ${manifests.map((m) => m.mediaType)}::text[],
                    ${manifests.map((m) => m.bytes)}::bytea[]) as m (digest, media_type, bytes)
       order by digest
      on conflict (digest) do update set kept_until = excluded.kept_until`;
}

export async function expirePlannedManifests(tx: Tx, limit: number): Promise<number> {
  return await tx.$executeRaw`
    delete from planned_manifest where digest in (
      select digest from planned_manifest where kept_until <= now() for update skip locked limit ${limit})`;
}

/** What the planned items of a batch come to. Speeds are the registries' recent ones. */
export async function sumBatchPlan(tx: Tx, batchId: string): Promise<BatchPlan> {
  const [row] = await tx.$queryRaw<BatchPlan[]>`
    with items as (
      select host, sum(layer_count) as layers, sum(layers_here) as here, sum(manifest_requests) as requests
        from batch_item where batch_id = ${batchId}::uuid and layer_count is not null group by host),
    blobs as (
      select host, sum(size_bytes) as total, sum(size_bytes) filter (where not was_here) as missing
        from batch_blob where batch_id = ${batchId}::uuid group by host)
    select coalesce(sum(i.layers), 0)::float8 as layers, coalesce(sum(i.here), 0)::float8 as "layersHere",
           coalesce(sum(b.total), 0)::float8 as "totalBytes", coalesce(sum(b.missing), 0)::float8 as "missingBytes",
           coalesce(jsonb_agg(jsonb_build_object(
             'host', i.host, 'missingBytes', coalesce(b.missing, 0), 'manifestRequests', coalesce(i.requests, 0),
             'seconds', ceil(coalesce(b.missing, 0) / s.bytes_per_second), 'quota', q.quota)
             order by i.host), '[]') as hosts
      from items i left join blobs b on b.host = i.host left join registry_state s on s.host = i.host
      left join lateral (
        select jsonb_build_object('limit', max_pulls, 'remaining', remaining, 'resetsAt', resets_at) as quota
          from registry_quota where registry_quota.host = i.host and resets_at > now()
         order by seen_at desc limit 1) q on true`;
  return row as BatchPlan;
}

/** Bytes that batches which run have still to fetch. */
export async function promisedBytes(tx: Tx, exceptBatchId: string): Promise<number> {
  const [row] = await tx.$queryRaw<{ bytes: number }[]>`
    select coalesce(sum(size_bytes), 0)::float8 as bytes from (
      select distinct on (b.digest) b.size_bytes
        from batch_blob b join batch on batch.id = b.batch_id
       where batch.state = 'running' and batch.id <> ${exceptBatchId}::uuid and not b.was_here
         and not exists (select from blob s where s.digest = b.digest)) promised`;
  return row?.bytes ?? 0;
}

/** Bytes of all blobs that are stored. */
export async function storedBytes(tx: Tx): Promise<number> {
  const [row] = await tx.$queryRaw<{ bytes: number }[]>`select coalesce(sum(size_bytes), 0)::float8 as bytes from blob`;
  return row?.bytes ?? 0;
}

/** Notes how fast a registry was; the newest transfers count most. */
export async function noteSpeed(tx: Tx, host: string, bytesPerSecond: number): Promise<void> {
  await tx.$executeRaw`
    insert into registry_state (host, bytes_per_second) values (${host}, ${bytesPerSecond})
      on conflict (host) do update set bytes_per_second =
        coalesce(registry_state.bytes_per_second * 0.8, excluded.bytes_per_second * 0.8) + excluded.bytes_per_second * 0.2`;
}
