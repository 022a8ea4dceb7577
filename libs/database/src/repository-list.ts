import type { Tx } from './transaction.js';

/** A repository that has a tag here. */
export interface RepositorySummary {
  name: string;
  familiar: string;
  tags: number;
  /** What its newest image says of itself. */
  description: string | null;
}

/**
 * Repositories with this text in their familiar name: first those that are called so, then those with a part that
 * begins so, then the others.
 */
export async function listRepositories(
  tx: Tx,
  { term, limit, isOfficial }: { term: string; limit: number; isOfficial?: boolean },
): Promise<RepositorySummary[]> {
  const text = term.replace(/[\\%_]/g, '\\$&');
  return await tx.$queryRaw<RepositorySummary[]>`
    select r.name, r.familiar, count(*)::int as tags,
           (array_agg(i.labels ->> 'org.opencontainers.image.description' order by t.updated_at desc))[1] as description
      from repository r join tag t on t.repository_id = r.id join image i on i.id = t.image_id
     where r.familiar like ${`%${text}%`}
       and (${isOfficial ?? null}::boolean is null or starts_with(r.name, 'docker.io/library/') = ${isOfficial ?? null})
     group by r.id
     order by r.familiar = ${term} desc, r.familiar like ${`${text}%`} or r.familiar like ${`%/${text}%`} desc,
              r.familiar collate "C"
     limit ${limit}::int`;
}
