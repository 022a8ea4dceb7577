import { listEvents, pullProgress } from '@entrepot/database';
import {
  buildArtifact,
  buildImage,
  buildIndex,
  type ContentLab,
  checkInvariants,
  fetchBytes,
  openContentLab,
  planOf,
  pullImage,
} from '@entrepot/testing';
import { collectOnce } from './collect.js';
import { publishPull } from './publish-pull.js';
import { savePlan, startPull } from './pulling.js';

describe('publishing a pull', () => {
  let lab: ContentLab;
  beforeEach(async () => {
    lab = await openContentLab();
  });
  afterEach(async () => {
    expect(await checkInvariants(lab.context.database, lab.context.store, { hashes: true })).toEqual([]);
    await lab.close();
  });

  it('makes the image visible with its tag, its digest and an event, and ends the pull', async () => {
    const image = await buildImage({ config: { Labels: { team: 'a' } } });
    const { pullId, ...published } = await pullImage(lab.context, image);
    expect(published).toEqual({ state: 'done', outcome: 'downloaded', layers: image.blobs.map((b) => b.digest) });
    const { prisma } = lab.context.database;
    expect(await prisma.tag.findMany({ include: { repository: true } })).toMatchObject([
      { name: '1', targetDigest: image.digest, imageId: image.config.digest, repository: { familiar: 'lab' } },
    ]);
    expect(await prisma.image.findMany()).toMatchObject([
      {
        id: image.config.digest,
        os: 'linux',
        architecture: 'amd64',
        labels: { team: 'a' },
        config: image.config.document,
      },
    ]);
    expect(await prisma.repositoryManifest.findMany()).toMatchObject([{ manifestDigest: image.digest }]);
    expect(await prisma.tagEvent.findMany()).toMatchObject([
      { tag: '1', fromDigest: null, toDigest: image.digest, pullId },
    ]);
    expect(await listEvents(prisma, { limit: 10 })).toMatchObject([
      { type: 'image', action: 'pull', actorId: 'lab:1', attributes: { team: 'a', name: 'lab' } },
    ]);
    expect(await prisma.blobLease.count()).toBe(0);
    expect(await pullProgress(prisma, pullId)).toMatchObject({
      state: 'done',
      outcome: 'downloaded',
      layers: image.blobs.map(({ digest, bytes }) => ({
        digest,
        bytesDone: bytes.length,
        stored: true,
        wasHere: false,
      })),
    });
  });

  it('says the same when it is asked again', async () => {
    const image = await buildImage();
    const { pullId, ...first } = await pullImage(lab.context, image);
    expect(await publishPull(lab.context, pullId)).toEqual(first);
    expect(await lab.context.database.prisma.event.count()).toBe(1);
  });

  it('publishes once when two workers try at the same time', async () => {
    const image = await buildImage();
    await pullImage(lab.context, image, { reference: 'docker.io/library/lab:0' });
    const { pullId } = await startPull(lab.context, {
      reference: 'docker.io/library/lab:1',
      platform: null,
      kind: 'batch',
    });
    expect(await savePlan(lab.context, pullId, planOf(image))).toMatchObject({ complete: true, missing: [] });
    const [one, two] = await Promise.all([publishPull(lab.context, pullId), publishPull(lab.connect(), pullId)]);
    expect(one).toEqual(two);
    expect(await lab.context.database.prisma.event.count()).toBe(2);
  });

  it('finds the same tag with the same image up to date, and a new tag of it newer', async () => {
    const image = await buildImage();
    await pullImage(lab.context, image);
    const [before] = await lab.context.database.prisma.manifest.findMany();
    expect(await pullImage(lab.context, image)).toMatchObject({ outcome: 'up-to-date' });
    const [after] = await lab.context.database.prisma.manifest.findMany();
    expect(after?.publishedAt.getTime()).toBeGreaterThan(before?.publishedAt.getTime() ?? 0);
    const other = await pullImage(lab.context, image, { reference: 'docker.io/library/lab:2' });
    expect(other).toMatchObject({ outcome: 'downloaded' });
    expect(await lab.context.database.prisma.tagEvent.count()).toBe(2);
  });

  it('moves a tag and keeps the image it had', async () => {
    const [old, fresh] = [
      await buildImage({ created: '2024-01-01T00:00:00Z' }),
      await buildImage({ created: '2025-01-01T00:00:00Z' }),
    ];
    await pullImage(lab.context, old);
    expect(await pullImage(lab.context, fresh)).toMatchObject({ outcome: 'downloaded' });
    const { prisma } = lab.context.database;
    expect(await prisma.tag.findMany()).toMatchObject([{ targetDigest: fresh.digest, imageId: fresh.config.digest }]);
    expect(await prisma.tagEvent.findMany({ orderBy: { id: 'asc' } })).toMatchObject([
      { fromDigest: null, toDigest: old.digest },
      { fromDigest: old.digest, toDigest: fresh.digest },
    ]);
    expect(await prisma.image.count()).toBe(2);
  });

  it('sets no tag for a reference by digest', async () => {
    const image = await buildImage();
    const reference = `docker.io/library/lab@${image.digest}`;
    expect(await pullImage(lab.context, image, { reference })).toMatchObject({ outcome: 'downloaded' });
    expect(await pullImage(lab.context, image, { reference })).toMatchObject({ outcome: 'up-to-date' });
    const { prisma } = lab.context.database;
    expect(await prisma.tag.count()).toBe(0);
    expect(await prisma.repositoryManifest.count()).toBe(1);
    expect((await listEvents(prisma, { limit: 1 }))[0]?.actorId).toBe(`lab@${image.digest}`);
  });

  it('adds a platform of an index that is here, and shows the one pulled last', async () => {
    const amd = await buildImage({ platform: 'linux/amd64' });
    const arm = await buildImage({ platform: 'linux/arm64' });
    const index = buildIndex({ images: [amd, arm], attestations: true });
    await pullImage(lab.context, amd, { index });
    await pullImage(lab.context, arm, { index });
    const { prisma } = lab.context.database;
    expect(await prisma.tag.findMany()).toMatchObject([{ targetDigest: index.digest, shownDigest: arm.digest }]);
    expect(await prisma.manifest.count()).toBe(3);
    const children = await prisma.manifestChild.findMany({ orderBy: { position: 'asc' } });
    expect(children).toMatchObject([
      { childDigest: amd.digest, os: 'linux', architecture: 'amd64', attestationFor: null },
      { childDigest: arm.digest, os: 'linux', architecture: 'arm64', attestationFor: null },
      { attestationFor: amd.digest },
      { attestationFor: arm.digest },
    ]);
  });

  it('lets two manifests share one config', async () => {
    const gzip = await buildImage({ layers: [{ entries: [{ name: 'a', content: 'a' }], compression: 'gzip' }] });
    const plain = await buildImage({ layers: [{ entries: [{ name: 'a', content: 'a' }], compression: 'none' }] });
    expect(plain.config.digest).toBe(gzip.config.digest);
    await pullImage(lab.context, gzip);
    expect(await pullImage(lab.context, plain)).toMatchObject({ outcome: 'up-to-date' });
    expect(await lab.context.database.prisma.manifest.count()).toBe(2);
    expect(await lab.context.database.prisma.image.count()).toBe(1);
  });

  it('refuses an image whose config has another number of layers, and changes nothing', async () => {
    const image = await buildImage({ configDocument: { rootfs: { type: 'layers', diff_ids: [] } } });
    await expect(pullImage(lab.context, image)).rejects.toMatchObject({ code: 'INVALID_IMAGE' });
    expect(await lab.context.database.prisma.manifest.count()).toBe(0);
    expect(await lab.context.database.prisma.repository.count()).toBe(0);
  });

  it('refuses to show an artifact', async () => {
    const artifact = buildArtifact();
    const { pullId } = await startPull(lab.context, {
      reference: 'docker.io/library/a:1',
      platform: null,
      kind: 'batch',
    });
    const blobs = artifact.blobs.map(({ digest, bytes }) => ({ digest, sizeBytes: bytes.length, mediaType: 'x' }));
    const { digest, mediaType, bytes } = artifact as unknown as { digest: never; mediaType: string; bytes: Buffer };
    await savePlan(lab.context, pullId, {
      target: digest,
      shown: digest,
      manifests: [{ digest, mediaType, bytes }],
      blobs,
    });
    for (const blob of artifact.blobs) await fetchBytes(lab.context, blob.digest, Buffer.from(blob.bytes), 'w');
    await expect(publishPull(lab.context, pullId)).rejects.toMatchObject({ code: 'INVALID_IMAGE' });
  });

  it('fetches again what was collected during a long standstill', async () => {
    const image = await buildImage();
    const { pullId } = await startPull(lab.context, {
      reference: 'docker.io/library/lab:1',
      platform: null,
      kind: 'batch',
    });
    const { missing } = await savePlan(lab.context, pullId, planOf(image));
    for (const blob of image.blobs) await fetchBytes(lab.context, blob.digest, Buffer.from(blob.bytes), 'w');
    await lab.context.database.prisma.$executeRaw`update blob_lease set expires_at = now() - interval '1 second'`;
    expect(await collectOnce(lab.context, { collectAfterMs: 0 })).toMatchObject({ released: 2, deletedObjects: 2 });
    expect(await publishPull(lab.context, pullId)).toEqual({ state: 'fetching', missing });
    for (const blob of image.blobs) await fetchBytes(lab.context, blob.digest, Buffer.from(blob.bytes), 'w');
    expect(await publishPull(lab.context, pullId)).toMatchObject({ state: 'done' });
  });
});
