// What a removal must know and do. The order of locks is that of a publication (images, manifests, tags), so that the
// two wait for each other and never deadlock: whoever comes second sees what the first one left.
import type { Digest } from '@entrepot/oci';
import type { ImageVariant } from './image-names.js';
import type { ImageReference } from './release-facts.js';
import type { Tx } from './transaction.js';

/**
 * Locks images until the transaction ends, with everything that goes when they go, so that nobody can give one a name,
 * publish it again or take a name from it. Those that are gone are left out.
 */
export async function lockImages(tx: Tx, ids: readonly Digest[]): Promise<Digest[]> {
  const rows = await tx.$queryRaw<{ id: Digest }[]>`
    select id from image where id = any(${[...ids]}::text[]) order by id for update`;
  const manifests = await listRelatedManifests(tx, ids);
  await tx.$queryRaw`select 1 from manifest where digest = any(${manifests}::text[]) order by digest for update`;
  await tx.$queryRaw`
    select 1 from tag where image_id = any(${[...ids]}::text[]) order by repository_id, name for update`;
  return rows.map(({ id }) => id);
}

/** Keeps an image from going until the transaction ends. False: it is gone. */
export async function holdImage(tx: Tx, id: Digest): Promise<boolean> {
  const rows = await tx.$queryRaw<{ id: Digest }[]>`select id from image where id = ${id} for key share`;
  return rows.length > 0;
}

/** Takes names from images; for a tag it is remembered that it went. */
export async function deleteReferences(
  tx: Tx,
  references: readonly (ImageReference & { imageId: Digest })[],
): Promise<void> {
  if (references.length === 0) return;
  const rows = JSON.stringify(
    references.map(({ repositoryId, repository, tag, digest, imageId }) => ({
      repository_id: String(repositoryId),
      repository,
      tag,
      digest,
      image_id: imageId,
    })),
  );
  await tx.$executeRaw`
    with gone as (
      select * from jsonb_to_recordset(${rows}::jsonb)
          as g (repository_id bigint, repository text, tag text, digest text, image_id text)
    ), tags as (
      delete from tag t using gone g
       where t.repository_id = g.repository_id and t.name = g.tag and t.image_id = g.image_id
      returning g.repository, t.name, t.target_digest
    ), told as (
      insert into tag_event (repository_name, tag, from_digest) select * from tags
    )
    delete from repository_manifest d using gone g
     where d.repository_id = g.repository_id and d.manifest_digest = g.digest and d.image_id = g.image_id`;
}

/** Lets the tags that show one image below an index show another one there. Returns the tags. */
export async function showVariant(
  tx: Tx,
  repository: string,
  { target, from, to }: { target: Digest; from: Digest; to: ImageVariant },
): Promise<string[]> {
  const rows = await tx.$queryRaw<{ name: string }[]>`
    update tag t set shown_digest = ${to.manifestDigest}, image_id = ${to.imageId}, updated_at = now()
      from repository r
     where r.id = t.repository_id and r.name = ${repository}
       and t.target_digest = ${target} and t.image_id = ${from}
    returning t.name`;
  return rows.map(({ name }) => name);
}

/**
 * Deletes locked images that have no name any more, with their manifests, and with the indexes, attestations and
 * signatures that nothing refers to any more. Their blobs are left to the collector.
 */
export async function deleteImages(tx: Tx, ids: readonly Digest[]): Promise<void> {
  if (ids.length === 0) return;
  const related = await listRelatedManifests(tx, ids);
  await tx.$executeRaw`delete from manifest where image_id = any(${[...ids]}::text[])`;
  await tx.$executeRaw`delete from image where id = any(${[...ids]}::text[])`;
  // One level each time: what an index named may go when the index has gone.
  while ((await deleteUnusedManifests(tx, related)) > 0);
}

/** The manifests of images, the indexes above them, and what hangs on either: attestations, signatures, nested indexes. */
async function listRelatedManifests(tx: Tx, imageIds: readonly Digest[]): Promise<Digest[]> {
  const rows = await tx.$queryRaw<{ digest: Digest }[]>`
    with recursive related as (
      select digest, kind from manifest where image_id = any(${[...imageIds]}::text[])
      union
      select m.digest, m.kind from related r cross join lateral (
        select p.digest, p.kind from manifest_child c join manifest p on p.digest = c.parent_digest
         where c.child_digest = r.digest
        union all
        select k.digest, k.kind from manifest_child c join manifest k on k.digest = c.child_digest and k.kind <> 'image'
         where c.parent_digest = r.digest
        union all
        select s.digest, s.kind from manifest s where s.subject_digest = r.digest and s.kind <> 'image'
      ) m
    )
    select digest from related`;
  return rows.map(({ digest }) => digest);
}

/** Of these, those without a name, an index above, a subject, or (of an index) an image below. */
function deleteUnusedManifests(tx: Tx, digests: readonly Digest[]): Promise<number> {
  return tx.$executeRaw`
    delete from manifest m
     where m.digest = any(${[...digests]}::text[]) and m.kind <> 'image'
       and not exists (select from tag t where m.digest in (t.target_digest, t.shown_digest))
       and not exists (select from repository_manifest d where d.manifest_digest = m.digest)
       and not exists (select from manifest_child c where c.child_digest = m.digest)
       and not exists (select from manifest s where s.digest = m.subject_digest)
       and not exists (
         with recursive below as (
           select child_digest from manifest_child where parent_digest = m.digest
           union
           select c.child_digest from below b join manifest_child c on c.parent_digest = b.child_digest
         )
         select from below b join manifest k on k.digest = b.child_digest and k.kind = 'image')`;
}
