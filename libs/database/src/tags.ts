import type { Digest } from '@entrepot/oci';
import { jsonbText } from './jsonb-text.js';
import type { Tx } from './transaction.js';

/** Where a tag is to point. */
export interface TagTarget {
  repositoryId: bigint;
  repositoryName: string;
  name: string;
  target: Digest;
  shown: Digest;
  imageId: Digest;
}

/** Where it pointed before; nulls for a tag that is new. */
export interface MovedTag {
  repositoryName: string;
  name: string;
  previousTarget: Digest | null;
  previousImageId: Digest | null;
}

/** Sets tags, each at most once per call, and writes an event for every one whose target changes. */
export async function putTags(tx: Tx, tags: readonly TagTarget[], pullId: string | null): Promise<MovedTag[]> {
  if (tags.length === 0) return [];
  const rows = jsonbText(
    tags.map((tag) => ({
      repository_id: String(tag.repositoryId),
      repository_name: tag.repositoryName,
      name: tag.name,
      target_digest: tag.target,
      shown_digest: tag.shown,
      image_id: tag.imageId,
    })),
  );
  return await tx.$queryRaw<MovedTag[]>`
    with wanted as (
      select * from jsonb_to_recordset(${rows}::jsonb)
        as n (repository_id bigint, repository_name text, name text, target_digest text, shown_digest text, image_id text)),
    -- Those that are there, as they are once nobody else moves them, whatever they were when the statement began.
    locked as (
      select t.* from tag t join wanted n on n.repository_id = t.repository_id and n.name = t.name
       order by t.repository_id, t.name for no key update of t),
    moves as (
      select n.*, t.target_digest as previous_target, t.image_id as previous_image
        from wanted n left join locked t on t.repository_id = n.repository_id and t.name = n.name),
    put as (
      insert into tag (repository_id, name, target_digest, shown_digest, image_id)
        select repository_id, name, target_digest, shown_digest, image_id from moves order by repository_id, name
        on conflict (repository_id, name) do update
          set target_digest = excluded.target_digest, shown_digest = excluded.shown_digest,
              image_id = excluded.image_id, updated_at = now()),
    told as (
      insert into tag_event (repository_name, tag, from_digest, to_digest, pull_id)
        select repository_name, name, previous_target, target_digest, ${pullId}::uuid from moves
         where previous_target is distinct from target_digest),
    tagged as (
      update image set last_tagged_at = now()
       where id in (select image_id from moves where previous_image is distinct from image_id))
    select repository_name as "repositoryName", name, previous_target as "previousTarget",
           previous_image as "previousImageId" from moves`;
}

/** Notes that a repository has these manifests, which makes them RepoDigests. Returns how many are new. */
export async function putRepositoryManifests(
  tx: Tx,
  links: readonly { repositoryId: bigint; manifestDigest: Digest; imageId: Digest }[],
): Promise<number> {
  if (links.length === 0) return 0;
  return await tx.$executeRaw`
    insert into repository_manifest (repository_id, manifest_digest, image_id)
      select * from unnest(${links.map((l) => l.repositoryId)}::bigint[],
                           ${links.map((l) => l.manifestDigest)}::text[], ${links.map((l) => l.imageId)}::text[])
       order by 1, 2, 3
      on conflict do nothing`;
}
