import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { BlobNotFoundError, type BlobStore, type BlobStoreListing } from '@entrepot/blob-store';
import { reconcile } from '@entrepot/content';
import type { Database } from '@entrepot/database';

/** Longer than a blob is between its object and its row. */
const secondLookMs = 1_000;

/**
 * Checks that tables and store say the same, and returns what does not hold, one line each. Analysis and collection may
 * be at work meanwhile, so only what two looks agree on is told. With `hashes`, every object is read and hashed.
 */
export async function checkInvariants(
  database: Database,
  store: BlobStore & BlobStoreListing,
  options: { hashes?: boolean } = {},
): Promise<string[]> {
  const first = await look(database, store, options);
  if (first.length === 0) return [];
  await sleep(secondLookMs);
  const second = new Set(await look(database, store, options));
  return first.filter((line) => second.has(line));
}

async function look(
  database: Database,
  store: BlobStore & BlobStoreListing,
  options: { hashes?: boolean },
): Promise<string[]> {
  const { unknown, missing, wrongSize } = await reconcile({ database, store });
  return [
    ...unknown.map(({ storageKey }) => `object ${storageKey} has no row`),
    ...missing.map(({ digest, storageKey }) => `blob ${digest} has no object ${storageKey}`),
    ...wrongSize.map((b) => `blob ${b.digest} has ${b.actualBytes} bytes, its row says ${b.expectedBytes}`),
    ...(await listBrokenRows(database)),
    ...(options.hashes ? await listWrongHashes(database, store) : []),
  ];
}

/** What foreign keys cannot say. */
async function listBrokenRows(database: Database): Promise<string[]> {
  const rows = await database.prisma.$queryRaw<{ line: string }[]>`
    select 'storage key ' || storage_key || ' is both blob and tombstone' as line
      from blob join tombstone using (storage_key)
    union all
    select 'storage key ' || storage_key || ' is both blob and upload' from blob join upload using (storage_key)
    union all
    select 'image ' || id || ' has no manifest' from image i
     where not exists (select from manifest m where m.image_id = i.id)
    union all
    select 'manifest ' || digest || ' has no config' from manifest m
     where kind = 'image' and not exists (
       select from manifest_blob b
        where b.manifest_digest = m.digest and b.position = 0 and b.blob_digest = m.image_id)
    union all
    select 'manifest ' || digest || ' lacks one of its blobs' from manifest m
     where kind = 'image' and (select count(*) from manifest_blob b where b.manifest_digest = m.digest)
       <> jsonb_array_length(convert_from(m.bytes, 'UTF8')::jsonb -> 'layers') + 1
    union all
    select 'tag ' || r.name || ':' || t.name || ' shows a manifest of another image'
      from tag t join repository r on r.id = t.repository_id join manifest m on m.digest = t.shown_digest
     where m.image_id is distinct from t.image_id
    union all
    select 'tag ' || r.name || ':' || t.name || ' shows what its target does not have'
      from tag t join repository r on r.id = t.repository_id
     where t.shown_digest <> t.target_digest and not exists (
       with recursive below as (
         select child_digest from manifest_child where parent_digest = t.target_digest
         union select c.child_digest from manifest_child c join below b on c.parent_digest = b.child_digest)
       select from below where child_digest = t.shown_digest)
    union all
    select 'blob ' || digest || ' is used by nobody and not queued for review' from blob b
     where not exists (select from blob_in_use u where u.blob_digest = b.digest)
       and not exists (select from blob_lease l where l.blob_digest = b.digest)
       and not exists (select from blob_review v where v.blob_digest = b.digest)
    union all
    select 'pull ' || id || ' waits for ' || pb.blob_digest || ', which nobody fetches'
      from pull p join pull_blob pb on pb.pull_id = p.id
     where p.state = 'fetching' and not exists (select from blob_fetch f where f.digest = pb.blob_digest)
       and not exists (select from blob_lease l where l.blob_digest = pb.blob_digest and l.owner = 'pull:' || p.id)
    union all
    select 'pull ' || id || ' misses nothing and is not due' from pull p
     where p.state = 'fetching' and not exists (
       select from pull_blob pb where pb.pull_id = p.id and not exists (
         select from blob_lease l where l.blob_digest = pb.blob_digest and l.owner = 'pull:' || p.id))
    union all
    select 'lease of ' || owner || ', a pull that has ended' from blob_lease l
     where owner like 'pull:%' and not exists (
       select from pull p where l.owner = 'pull:' || p.id and p.state in ('queued', 'fetching', 'publishing'))`;
  return rows.map((row) => row.line);
}

async function listWrongHashes(database: Database, store: BlobStore): Promise<string[]> {
  const blobs = await database.prisma.blob.findMany({ select: { digest: true, storageKey: true } });
  const lines: string[] = [];
  for (const { digest, storageKey } of blobs) {
    const [algorithm = ''] = digest.split(':');
    const actual = await hashObject(store, storageKey, algorithm);
    if (actual !== digest) lines.push(`blob ${digest} has ${actual === null ? 'no bytes' : `bytes of ${actual}`}`);
  }
  return lines;
}

/** The digest of an object's bytes, or null where there is no such object. */
async function hashObject(store: BlobStore, storageKey: string, algorithm: string): Promise<string | null> {
  const hash = createHash(algorithm);
  try {
    for await (const chunk of await store.open(storageKey)) hash.update(chunk);
  } catch (error) {
    if (error instanceof BlobNotFoundError) return null;
    throw error;
  }
  return `${algorithm}:${hash.digest('hex')}`;
}
