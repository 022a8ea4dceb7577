import { putManifests, putRepositories, putRepositoryManifests, putTags, type Tx } from '@entrepot/database';
import {
  type Digest,
  digestOf,
  MEDIA_TYPES,
  parsePlatform,
  parseReference,
  type Reference,
  repositoryName,
} from '@entrepot/oci';

/** An image that stands in the database as if it had been pulled; its blobs have rows and no bytes. */
export interface SeedRecipe {
  /** Bottom first, by name: equal names are one layer. `name=5000` gives it a size; default 100 bytes. */
  layers?: string[];
  labels?: Record<string, string>;
  /** RFC 3339; default 2024-01-01. */
  created?: string;
  /** Default `linux/amd64`. */
  platform?: string;
  parent?: Digest;
  /** Fields of the config document. */
  document?: Record<string, unknown>;
  /** What it is called: `demo/app:1`, or `demo/app` for its digest alone. */
  names?: string[];
  /** No RepoDigests, as after a load. */
  isLoaded?: boolean;
  /** Makes another manifest, and other blobs, of the same config. */
  compression?: string;
}

/** What a seeded image is called by the database. */
export interface SeededImage {
  id: Digest;
  manifest: Digest;
}

/** Puts one image with its names. */
export async function seedImage(tx: Tx, recipe: SeedRecipe = {}): Promise<SeededImage> {
  const image = await putImage(tx, recipe);
  await nameImage(tx, recipe, image.manifest, image);
  return image;
}

/** An index of which some images are here; the first of them is what its names show. */
export interface SeedIndexRecipe {
  images: SeedRecipe[];
  /** Platforms that it names and that are not here. */
  absent?: string[];
  names?: string[];
  /** With an attestation of the first image that is here. */
  hasAttestation?: boolean;
}

/** Puts an index with its images; every image gets the digest of the index in each of the repositories. */
export async function seedIndex(
  tx: Tx,
  recipe: SeedIndexRecipe,
): Promise<{ digest: Digest; images: SeededImage[]; attestation: Digest | null }> {
  const images: SeededImage[] = [];
  for (const image of recipe.images) images.push(await putImage(tx, image));
  const absent = (recipe.absent ?? []).map((platform) => ({ digest: fakeDigest(`absent ${platform}`), platform }));
  const children = [
    ...images.map(({ manifest }, i) => ({ digest: manifest, platform: recipe.images[i]?.platform ?? 'linux/amd64' })),
    ...absent,
  ];
  const digest = fakeDigest(`index ${JSON.stringify(children)}`);
  const attestation = recipe.hasAttestation ? fakeDigest(`attestation ${digest}`) : null;
  await putIndex(tx, digest, children, attestation);
  for (const image of [...images].reverse()) await nameImage(tx, { names: recipe.names ?? [] }, digest, image);
  return { digest, images, attestation };
}

async function putImage(tx: Tx, recipe: SeedRecipe): Promise<SeededImage> {
  const { labels = {}, created = '2024-01-01T00:00:00Z', parent = null } = recipe;
  const { os, architecture, variant } = parsePlatform(recipe.platform ?? 'linux/amd64');
  const layers = (recipe.layers ?? ['base']).map((text) => readLayer(text, recipe.compression ?? 'gzip'));
  const config = {
    ...{ architecture, os, ...(variant ? { variant } : {}), created },
    config: { Labels: labels },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(({ name }) => ({ created, created_by: `COPY ${name} /` })),
    ...recipe.document,
  };
  const id = digestOf(Buffer.from(JSON.stringify(config)));
  const manifest = fakeDigest(`manifest ${id} ${recipe.compression ?? 'gzip'}`);
  const blobs = [{ digest: id, diffId: null, sizeBytes: 50 }, ...layers];
  await tx.$executeRaw`
    insert into blob (digest, diff_id, size_bytes, content_bytes, storage_key)
      select digest, diff_id, 10, size, digest
        from unnest(${blobs.map((b) => b.digest)}::text[], ${blobs.map((b) => b.diffId)}::text[],
                    ${blobs.map((b) => b.sizeBytes)}::bigint[]) as b (digest, diff_id, size)
      on conflict do nothing`;
  await putManifests(tx, {
    manifests: [imageManifest(manifest, id)],
    images: [{ id, config, os, architecture, variant: variant ?? null, labels, createdAt: created, parentId: parent }],
    blobs: blobs.map(({ digest }, position) => ({
      ...{ manifestDigest: manifest, position, blobDigest: digest },
      mediaType: position === 0 ? MEDIA_TYPES.ociConfig : MEDIA_TYPES.ociLayerGzip,
    })),
    children: [],
  });
  return { id, manifest };
}

function imageManifest(digest: Digest, imageId: Digest) {
  const bytes = Buffer.from(`manifest of ${imageId}`);
  return { digest, mediaType: MEDIA_TYPES.ociManifest, kind: 'image' as const, bytes, imageId, subjectDigest: null };
}

async function putIndex(
  tx: Tx,
  digest: Digest,
  children: { digest: Digest; platform: string }[],
  attestation: Digest | null,
): Promise<void> {
  const none = { imageId: null, subjectDigest: null, bytes: Buffer.from(digest) };
  const index = { ...none, digest, mediaType: MEDIA_TYPES.ociIndex, kind: 'index' as const };
  const proof = { ...none, mediaType: MEDIA_TYPES.ociManifest, kind: 'artifact' as const };
  const rows = children.map(({ digest: childDigest, platform }, position) => {
    const { os, architecture, variant = null } = parsePlatform(platform);
    return { parentDigest: digest, position, childDigest, os, architecture, variant, ...childFields(null) };
  });
  const proofOf = {
    os: 'unknown',
    architecture: 'unknown',
    variant: null,
    ...childFields(children[0]?.digest ?? null),
  };
  await putManifests(tx, {
    manifests: attestation === null ? [index] : [index, { ...proof, digest: attestation }],
    images: [],
    blobs: [],
    children:
      attestation === null
        ? rows
        : [...rows, { parentDigest: digest, position: rows.length, childDigest: attestation, ...proofOf }],
  });
}

function childFields(attestationFor: string | null) {
  return { mediaType: MEDIA_TYPES.ociManifest, sizeBytes: 500, attestationFor };
}

async function nameImage(tx: Tx, recipe: SeedRecipe, target: Digest, image: SeededImage): Promise<void> {
  const names = (recipe.names ?? []).map((name) => parseReference(name));
  const ids = await putRepositories(tx, names.map(repositoryName));
  const idOf = (name: Reference): bigint => ids.get(repositoryName(name)) as bigint;
  const tags = names.flatMap((name) =>
    name.tag === undefined
      ? []
      : [
          {
            repositoryId: idOf(name),
            repositoryName: repositoryName(name),
            name: name.tag,
            target,
            shown: image.manifest,
            imageId: image.id,
          },
        ],
  );
  await putTags(tx, tags, null);
  const links = names.map((name) => ({ repositoryId: idOf(name), manifestDigest: target, imageId: image.id }));
  if (!recipe.isLoaded)
    await putRepositoryManifests(tx, [...new Map(links.map((link) => [link.repositoryId, link])).values()]);
}

function readLayer(
  text: string,
  compression: string,
): { name: string; digest: Digest; diffId: Digest; sizeBytes: number } {
  const [name = '', size = '100'] = text.split('=');
  return {
    name,
    digest: fakeDigest(`${compression} of ${name}`),
    diffId: fakeDigest(`layer ${name}`),
    sizeBytes: Number(size),
  };
}

/** A digest of nothing in particular. */
function fakeDigest(text: string): Digest {
  return digestOf(Buffer.from(text));
}
