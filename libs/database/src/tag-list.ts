import type { Digest } from '@entrepot/oci';
import type { Tx } from './transaction.js';

/** A tag as lists show it. */
export interface ListedTag {
  /** `docker.io/library/redis` */
  repository: string;
  familiar: string;
  tag: string;
  target: Digest;
  imageId: Digest;
  updatedAt: Date;
}

/** Tags in the order of repository and name, after one. */
export async function listTags(
  tx: Tx,
  options: { repository?: string; after?: { repository: string; tag: string }; limit: number },
): Promise<ListedTag[]> {
  const { repository = null, after } = options;
  return await tx.$queryRaw<ListedTag[]>`
    select r.name as repository, r.familiar, t.name as tag, t.target_digest as target, t.image_id as "imageId",
           t.updated_at as "updatedAt"
      from repository r join tag t on t.repository_id = r.id
     where (${repository}::text is null or r.name = ${repository})
       and (${after === undefined} or (r.name collate "C", t.name collate "C")
             > (${after?.repository ?? ''}::text, ${after?.tag ?? ''}::text))
     order by r.name collate "C", t.name collate "C" limit ${options.limit}::int`;
}

/** A tag came, moved or went. */
export interface TagMove {
  id: number;
  at: Date;
  from: Digest | null;
  to: Digest | null;
  pullId: string | null;
}

/** What happened to a tag, newest first. */
export async function listTagMoves(
  tx: Tx,
  options: { repository: string; tag: string; beforeId?: number; limit: number },
): Promise<TagMove[]> {
  return await tx.$queryRaw<TagMove[]>`
    select id::float8 as id, at, from_digest as "from", to_digest as "to", pull_id::text as "pullId" from tag_event
     where repository_name = ${options.repository} and tag = ${options.tag}
       and (${options.beforeId === undefined} or id < ${options.beforeId ?? 0}::bigint)
     order by id desc limit ${options.limit}::int`;
}
