import { Prisma } from './generated/client.js';
import type { Tx } from './transaction.js';

/** A repository that has a tag here. */
export interface RepositorySummary {
  name: string;
  familiar: string;
  tags: number;
  /** What its newest image says of itself. */
  description: string | null;
  /** It came from a registry, not from an archive or a build. */
  isPulled: boolean;
}

/** What repositories are looked for. */
export interface RepositorySearch {
  /** Part of the name, or words of the labels; case ignored. */
  term: string;
  limit: number;
  isOfficial?: boolean;
}

/**
 * The repositories of a name: first that very name, then those whose last part begins so, then whose name begins so, then
 * those with it anywhere (from three letters on); then those whose labels have these words, or words that begin so.
 * Each step is an index, and is asked only for what those before it have left.
 */
export async function searchRepositories(tx: Tx, search: RepositorySearch): Promise<RepositorySummary[]> {
  const { limit } = search;
  const term = search.term.toLowerCase();
  const official = isOfficial(search.isOfficial);
  const isWanted = Prisma.sql`exists (select from tag t where t.repository_id = r.id) and ${official}`;
  const isPart = Prisma.sql`${lowerName} like ${`%${term.replace(/[\\%_]/g, '\\$&')}%`}`;
  return await tx.$queryRaw<RepositorySummary[]>`
    with exact as materialized (
      select r.id, 0 as step from repository r where ${lowerName} = ${term} and ${isWanted} limit ${limit}::int
    ), last_parts as materialized (
      select r.id, 1 as step from repository r
       where ${begins(lastName, term)} and ${lowerName} <> ${term} and ${isWanted}
       order by ${lastName} using ~<~, r.familiar limit ${limit}::int
    ), beginnings as materialized (
      select r.id, 2 as step from repository r
       where ${begins(lowerName, term)} and not (${begins(lastName, term)}) and ${isWanted}
       order by ${lowerName} using ~<~ limit ${limit}::int
    ), head as materialized (
      select * from exact union all select * from last_parts union all select * from beginnings
    ), parts as materialized (
      select r.id, 3 as step from repository r
       where (select count(*) from head) < ${limit}::int and ${term.length >= 3} and ${isPart}
         and not (${begins(lastName, term)}) and not (${begins(lowerName, term)}) and ${isWanted}
       limit ${limit}::int
    ), names as materialized (
      select * from head union all select * from parts
    ), words as materialized (
      ${labelled({ step: 4, query: wordQuery(term), left: Prisma.sql`(select count(*) from names)`, limit, official })}
    ), named as materialized (
      select * from names union all select * from words w where w.id not in (select id from names)
    ), word_beginnings as materialized (
      ${labelled({ step: 5, query: prefixQuery(term), left: Prisma.sql`(select count(*) from named)`, limit, official })}
    ), found as (
      select f.*, r.name, r.familiar
        from (select * from named
              union all select * from word_beginnings w where w.id not in (select id from named)) f
        join repository r on r.id = f.id
       order by f.step, ${lastName} collate "C", r.familiar collate "C" limit ${limit}::int
    )
    select f.name, f.familiar, (select count(*)::int from tag t where t.repository_id = f.id) as tags,
           (select i.labels ->> 'org.opencontainers.image.description' from tag t join image i on i.id = t.image_id
             where t.repository_id = f.id order by t.updated_at desc, t.name limit 1) as description,
           exists (select from repository_manifest d where d.repository_id = f.id) as "isPulled"
      from found f
     order by f.step, last_name(f.familiar) collate "C", f.familiar collate "C"`;
}

/** A repository has so many tags at least before it can hide others whose labels match too. */
const tagsPerRepository = 10;

/** Repositories with a tag whose image has labels of these words, unless there are enough without them. */
function labelled(of: {
  step: number;
  query: string;
  left: Prisma.Sql;
  limit: number;
  official: Prisma.Sql;
}): Prisma.Sql {
  return Prisma.sql`
    select distinct said.id, ${of.step}::int as step
      from (select r.id
              from image i join tag t on t.image_id = i.id join repository r on r.id = t.repository_id
             where ${of.left} < ${of.limit}::int and ${of.query}::text <> ''
               and label_words(i.labels) @@ to_tsquery('simple', ${of.query}::text) and ${of.official}
             limit ${of.limit * tagsPerRepository}::int) said`;
}

const lastName = Prisma.sql`last_name(r.familiar)`;
const lowerName = Prisma.sql`lower(r.familiar)`;

/** Names are ASCII, and `~` comes after every character that they have. All begin with nothing, which needs no look at them. */
function begins(name: Prisma.Sql, term: string): Prisma.Sql {
  if (term === '') return Prisma.sql`true`;
  return Prisma.sql`${name} ~>=~ ${term} and ${name} ~<~ ${`${term}~`}`;
}

function isOfficial(official: boolean | undefined): Prisma.Sql {
  if (official === undefined) return Prisma.sql`true`;
  return Prisma.sql`starts_with(r.name, 'docker.io/library/') = ${official}`;
}

const wordsOf = (term: string): string[] => (term.match(/[\p{L}\p{N}]+/gu) ?? []).slice(0, 10);

/** `web server` → `'web' & 'server'` */
function wordQuery(term: string): string {
  return wordsOf(term)
    .map((word) => `'${word}'`)
    .join(' & ');
}

/** `web server` → `'web':* & 'server':*`; a word of one or two letters stands for itself only. */
function prefixQuery(term: string): string {
  return wordsOf(term)
    .map((word) => (word.length > 2 ? `'${word}':*` : `'${word}'`))
    .join(' & ');
}
