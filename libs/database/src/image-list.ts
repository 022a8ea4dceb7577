import type { Digest } from '@entrepot/oci';
import { Prisma } from './generated/client.js';
import { jsonbText } from './jsonb-text.js';
import { matchesDigest, matchesTag, type ReferencePattern } from './reference-filter.js';
import type { Tx } from './transaction.js';

/** One image as lists show it. */
export interface ImageSummary {
  id: Digest;
  /** Unix seconds, with fractions; null when the config has no time. */
  createdAt: number | null;
  labels: Record<string, string>;
  parentId: Digest | null;
  /** `redis:7`, in the order of the full names; only those that passed the reference filter. */
  tags: string[];
  /** `redis@sha256:…`, likewise. */
  digests: string[];
  /** Bytes of the files in its layers; of a layer that is not analysed yet, its stored bytes. */
  sizeBytes: number;
  os: string;
  architecture: string;
  variant: string | null;
}

/** What a list is narrowed to; everything given must hold. */
export interface ImageListFilter {
  /** Shows untagged images that others are built on. */
  all?: boolean;
  /** True: only images without a tag and without children. False: no image without any name. */
  dangling?: boolean;
  /** Each of them, as `key` or `key` and value. */
  labels?: readonly LabelFilter[];
  /** Created strictly before and after, in unix seconds. */
  beforeSeconds?: number;
  sinceSeconds?: number;
  /** Any of them; also narrows the names that are shown. */
  references?: readonly ReferencePattern[];
}

/** A label that must be there, with this value if there is one. */
export interface LabelFilter {
  key: string;
  value?: string;
}

/** By what a list is sorted, and which part of it is wanted. */
export interface ImagePage {
  sort: 'created' | 'name' | 'size';
  descending: boolean;
  /** The last image of the page before: its sort key, as text, and its id. */
  after?: { key: string; id: string };
  limit: number;
}

/** An image of a page, with what the next page begins after. */
export interface PagedImage extends ImageSummary {
  sortKey: string;
}

/** The images of a filter, newest first, in one statement. */
export function listImages(tx: Tx, filter: ImageListFilter = {}): Promise<ImageSummary[]> {
  return selectImages(tx, filter, {
    key: Prisma.sql`null::text`,
    chosen: Prisma.empty,
    listed: Prisma.sql`order by c.created_at desc nulls last, c.id`,
  });
}

/** One page of the images of a filter; pages do not shift when images come and go. */
export function pageImages(tx: Tx, filter: ImageListFilter, page: ImagePage): Promise<PagedImage[]> {
  const key = sortKeys[page.sort];
  const after = page.after === undefined ? Prisma.sql`true` : isAfter(key, page);
  const order = page.descending ? Prisma.sql`${key} desc, c.id` : Prisma.sql`${key}, c.id`;
  const listed = Prisma.sql`where ${after} order by ${order} limit ${page.limit}::int`;
  // What only the images themselves decide is decided before their names and sizes are looked up.
  const chosen = Prisma.sql`where ${after} order by ${order} limit ${page.limit}::int`;
  return selectImages(tx, filter, {
    ...{ key: Prisma.sql`(${key})::text`, listed },
    chosen: page.sort === 'created' ? chosen : Prisma.empty,
  });
}

const sortKeys: Record<ImagePage['sort'], Prisma.Sql> = {
  created: Prisma.sql`coalesce(c.created_at, '-infinity')`,
  name: Prisma.sql`coalesce(t.list[1], d.list[1], '~') collate "C"`,
  size: Prisma.sql`coalesce(s.bytes, 0)`,
};

const keyTypes: Record<ImagePage['sort'], Prisma.Sql> = {
  created: Prisma.sql`timestamptz`,
  name: Prisma.sql`text`,
  size: Prisma.sql`numeric`,
};

function isAfter(key: Prisma.Sql, { sort, descending, after }: ImagePage): Prisma.Sql {
  const last = Prisma.sql`${after?.key ?? ''}::text::${keyTypes[sort]}`;
  const beyond = descending ? Prisma.sql`${key} < ${last}` : Prisma.sql`${key} > ${last}`;
  return Prisma.sql`(${beyond} or (${key} = ${last} and c.id > ${after?.id ?? ''}))`;
}

interface Arrangement {
  key: Prisma.Sql;
  chosen: Prisma.Sql;
  listed: Prisma.Sql;
}

function selectImages(tx: Tx, filter: ImageListFilter, { key, chosen, listed }: Arrangement): Promise<PagedImage[]> {
  const byName = filter.references !== undefined && filter.references.length > 0;
  return tx.$queryRaw<PagedImage[]>`
    with ${byName ? namedImages(filter.references ?? []) : allImages}
    , chosen as materialized (
      select * from (
        select i.id, i.created_at, i.labels, i.parent_id, i.os, i.architecture, i.variant from image i
         where ${Prisma.join(conditions(filter, byName), ' and ')}
      ) c ${chosen}
    ), ${byName ? namesOfMatches : namesOfChosen}
    , latest as (
      select distinct on (c.id) c.id, m.digest from chosen c join manifest m on m.image_id = c.id
       order by c.id, m.published_at desc, m.digest
    ), sized as (
      select l.id, sum(coalesce(b.content_bytes, b.size_bytes)) as bytes
        from latest l
        join manifest_blob p on p.manifest_digest = l.digest and p.position > 0
        join blob b on b.digest = p.blob_digest
       group by l.id
    )
    select c.id, extract(epoch from c.created_at)::float8 as "createdAt", c.labels, c.parent_id as "parentId",
           coalesce(t.list, '{}') as "tags", coalesce(d.list, '{}') as "digests",
           coalesce(s.bytes, 0)::float8 as "sizeBytes", c.os, c.architecture, c.variant, ${key} as "sortKey"
      from chosen c
      left join tags t on t.image_id = c.id
      left join digests d on d.image_id = c.id
      left join sized s on s.id = c.id
     ${listed}`;
}

const tagText = Prisma.sql`r.familiar || ':' || t.name as text, (r.name || ':' || t.name) collate "C" as sort`;
const digestText = Prisma.sql`
  r.familiar || '@' || d.manifest_digest as text, (r.name || '@' || d.manifest_digest) collate "C" as sort`;

const allImages = Prisma.sql`nothing as (select 1)`;

const namesOfChosen = Prisma.sql`
  tags as (
    select image_id, array_agg(text order by sort) as list
      from (select t.image_id, ${tagText} from chosen c
              join tag t on t.image_id = c.id join repository r on r.id = t.repository_id) named
     group by image_id
  ), digests as (
    select image_id, array_agg(text order by sort) as list
      from (select d.image_id, ${digestText} from chosen c
              join repository_manifest d on d.image_id = c.id join repository r on r.id = d.repository_id) named
     group by image_id
  )`;

const namesOfMatches = Prisma.sql`
  tags as (select image_id, array_agg(text order by sort) as list from matched_tag group by image_id),
  digests as (select image_id, array_agg(text order by sort) as list from matched_digest group by image_id)`;

/** A union, since the names of repositories and the texts behind them are found by different indexes. */
function namedImages(patterns: readonly ReferencePattern[]): Prisma.Sql {
  const tags = patterns.map(matchesTag).flatMap(({ names, texts }) => [names, texts]);
  const digests = patterns.map(matchesDigest).flatMap(({ names, texts }) => [names, texts]);
  const tagOf = (condition: Prisma.Sql): Prisma.Sql => Prisma.sql`
    select t.image_id, ${tagText} from repository r join tag t on t.repository_id = r.id where ${condition}`;
  const digestOf = (condition: Prisma.Sql): Prisma.Sql => Prisma.sql`
    select d.image_id, ${digestText} from repository r join repository_manifest d on d.repository_id = r.id
     where ${condition}`;
  return Prisma.sql`
    matched_tag as (${Prisma.join(tags.map(tagOf), ' union ')}),
    matched_digest as (${Prisma.join(digests.map(digestOf), ' union ')})`;
}

const hasTag = Prisma.sql`exists (select from tag t where t.image_id = i.id)`;
const hasName = Prisma.sql`(${hasTag} or exists (select from repository_manifest d where d.image_id = i.id))`;
const hasChild = Prisma.sql`exists (select from image c where c.parent_id = i.id)`;

function conditions(filter: ImageListFilter, byName: boolean): Prisma.Sql[] {
  const { all, dangling, labels = [], beforeSeconds, sinceSeconds } = filter;
  const some = [...labels.map(hasLabel)];
  if (byName)
    some.push(Prisma.sql`i.id in (select image_id from matched_tag union select image_id from matched_digest)`);
  if (dangling === true) some.push(Prisma.sql`not ${hasChild} and not ${hasTag}`);
  if (dangling === false) some.push(hasName);
  if (!all && dangling === undefined && !byName) some.push(Prisma.sql`not (${hasChild} and not ${hasName})`);
  if (beforeSeconds !== undefined) some.push(Prisma.sql`i.created_at < to_timestamp(${beforeSeconds}::float8)`);
  if (sinceSeconds !== undefined) some.push(Prisma.sql`i.created_at > to_timestamp(${sinceSeconds}::float8)`);
  return some.length > 0 ? some : [Prisma.sql`true`];
}

function hasLabel({ key, value }: LabelFilter): Prisma.Sql {
  return value === undefined
    ? Prisma.sql`jsonb_exists(i.labels, ${key})`
    : Prisma.sql`i.labels @> ${jsonbText({ [key]: value })}::jsonb`;
}
