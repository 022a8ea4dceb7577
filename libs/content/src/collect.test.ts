import { expireArchives, insertArchive, keepArchive } from '@entrepot/database';
import { buildImage, type ContentLab, checkInvariants, openContentLab, pullImage } from '@entrepot/testing';
import { storeBytes } from './admit.js';
import { collectOnce, reviewBlobs } from './collect.js';
import { openIngest } from './ingest.js';
import { leaseBlobs, releaseLeases, renewLeases } from './leasing.js';
import { reconcile } from './reconcile.js';
import { removeImage } from './release.js';

const hour = 3_600_000;

describe('the collection', () => {
  let lab: ContentLab;
  beforeEach(async () => {
    lab = await openContentLab();
  });
  afterEach(async () => {
    expect(await checkInvariants(lab.context.database, lab.context.store, { hashes: true })).toEqual([]);
    await lab.close();
  });
  const store = async (text: string, owner: string) => {
    const { digest } = await storeBytes(lab.context, Buffer.from(text), { owner });
    return digest;
  };
  const later = (ms: number) => lab.context.database.prisma.$executeRaw`
    update blob_review set unreferenced_at = unreferenced_at - make_interval(secs => ${ms / 1000}::float8),
           retry_at = retry_at - make_interval(secs => ${ms / 1000}::float8)`;
  const blobs = () => lab.context.database.prisma.blob.count();

  it('takes an image that was removed, and frees exactly its bytes', async () => {
    const image = await buildImage();
    const kept = await buildImage({ layers: [[{ name: 'kept', content: 'kept' }]] });
    await pullImage(lab.context, image);
    await pullImage(lab.context, kept, { reference: 'docker.io/library/kept:1' });
    const bytes = image.blobs.reduce((sum, blob) => sum + blob.bytes.length, 0);
    const preview = await removeImage(lab.context, 'lab:1', { force: true, rehearse: true });
    expect(preview).toMatchObject({ freedBytes: bytes, freedBlobs: 2 });
    expect(await removeImage(lab.context, 'lab:1', { force: true })).toEqual(preview);
    expect(await collectOnce(lab.context, { collectAfterMs: 0 })).toEqual({
      reviewed: 4,
      released: 2,
      releasedBytes: bytes,
      deletedObjects: 2,
      freedBytes: bytes,
    });
    expect(await blobs()).toBe(2);
  });

  it('lets content outlive its last reference as long as it is told', async () => {
    await store('a', 'x');
    await releaseLeases(lab.context, 'x');
    await later(hour - 60_000);
    expect(await collectOnce(lab.context, { collectAfterMs: hour })).toMatchObject({ reviewed: 0 });
    await later(61_000);
    expect(await collectOnce(lab.context, { collectAfterMs: hour })).toMatchObject({ released: 1, deletedObjects: 1 });
  });

  it('counts that time from the end of the last lease, also of one that nobody ended', async () => {
    const digest = await store('a', 'x');
    await later(2 * hour);
    await lab.context.database.prisma.$executeRaw`update blob_lease set expires_at = now() - interval '1 second'`;
    expect(await collectOnce(lab.context, { collectAfterMs: hour })).toMatchObject({ released: 0 });
    expect(await lab.context.database.prisma.blobLease.count()).toBe(0);
    await later(2 * hour);
    expect((await leaseBlobs(lab.context, 'y', [digest], 60_000)).missing).toEqual([]);
    expect(await collectOnce(lab.context, { collectAfterMs: hour })).toMatchObject({ reviewed: 1, released: 0 });
    await releaseLeases(lab.context, 'y');
    expect(await collectOnce(lab.context, { collectAfterMs: hour })).toMatchObject({ reviewed: 0 });
    expect(await blobs()).toBe(1);
  });

  it('looks at a leased blob again when the lease ends, not before', async () => {
    await store('a', 'x');
    expect(await reviewBlobs(lab.context, { collectAfterMs: 0 })).toMatchObject({ reviewed: 1, released: 0 });
    expect(await reviewBlobs(lab.context, { collectAfterMs: 0 })).toMatchObject({ reviewed: 0 });
    expect(await renewLeases(lab.context, 'x', 2 * hour)).toBe(1);
    await later(hour);
    expect(await reviewBlobs(lab.context, { collectAfterMs: 0 })).toMatchObject({ reviewed: 1, released: 0 });
    await releaseLeases(lab.context, 'x');
    expect(await reviewBlobs(lab.context, { collectAfterMs: 0 })).toMatchObject({ reviewed: 1, released: 1 });
    await collectOnce(lab.context, { collectAfterMs: 0 });
  });

  it('works through more than one round holds', async () => {
    const { prisma } = lab.context.database;
    await prisma.$executeRaw`
      insert into blob (digest, size_bytes, storage_key)
        select 'sha256:' || lpad(n::text, 64, '0'), 1, 'sha256/00/' || n || '/x' from generate_series(1, 350) n`;
    expect(await collectOnce(lab.context, { collectAfterMs: 0 })).toMatchObject({ released: 350, deletedObjects: 350 });
  });

  it('stops between rounds when it is told to', async () => {
    await store('a', 'x');
    await releaseLeases(lab.context, 'x');
    const stopped = { collectAfterMs: 0, signal: AbortSignal.abort() };
    expect(await collectOnce(lab.context, stopped)).toMatchObject({ reviewed: 0, deletedObjects: 0 });
  });

  it('ends what nobody came back for: uploads and archives', async () => {
    const ingest = await openIngest(lab.context, { sizeBytes: 5, owner: 'x', ttlMs: -1 });
    await ingest.write(Buffer.from('abc'));
    await ingest.suspend();
    const digest = await store('layer', 'x');
    await releaseLeases(lab.context, 'x');
    const { prisma } = lab.context.database;
    const archiveId = await insertArchive(prisma, { request: { names: ['a'] }, ttlMs: 60_000 });
    await leaseBlobs(lab.context, `archive:${archiveId}`, [digest], 60_000);
    expect(await keepArchive(prisma, archiveId, hour)).toBe(true);
    expect(await collectOnce(lab.context, { collectAfterMs: 0 })).toMatchObject({ released: 0, deletedObjects: 1 });
    await prisma.$executeRaw`update archive set expires_at = now()`;
    expect(await collectOnce(lab.context, { collectAfterMs: 0 })).toMatchObject({ released: 1 });
    expect(await prisma.archive.count()).toBe(0);
    expect(await keepArchive(prisma, archiveId, hour)).toBe(false);
    expect(await expireArchives(prisma, 1)).toBe(0);
  });

  it('waits longer after each refusal of the store', async () => {
    await store('a', 'x');
    await releaseLeases(lab.context, 'x');
    const refusing = { ...lab.context, store: { ...lab.context.store, delete: () => Promise.reject(new Error('no')) } };
    await collectOnce(refusing, { collectAfterMs: 0 });
    const { prisma } = lab.context.database;
    const waits: number[] = [];
    for (let round = 0; round < 3; round++) {
      const [row] = await prisma.$queryRaw<{ wait: number }[]>`
        select extract(epoch from not_before - now())::float8 as wait from tombstone`;
      waits.push(Math.round(row?.wait ?? 0));
      await prisma.$executeRaw`update tombstone set not_before = now()`;
      await collectOnce(refusing, { collectAfterMs: 0 });
    }
    expect(waits).toEqual([2, 4, 8]);
    await prisma.$executeRaw`update tombstone set not_before = now()`;
    await collectOnce(lab.context, { collectAfterMs: 0 });
  });
});

describe('the reconciliation', () => {
  it('names what the store and the tables do not agree on', async () => {
    const lab = await openContentLab();
    const { store, database } = lab.context;
    const put = async (text: string) => {
      const { digest } = await storeBytes(lab.context, Buffer.from(text), { owner: 'x' });
      return { digest, storageKey: (await database.prisma.blob.findUniqueOrThrow({ where: { digest } })).storageKey };
    };
    const [whole, gone, short] = [await put('whole'), await put('gone'), await put('short')];
    await store.delete(gone.storageKey);
    await database.prisma.$executeRaw`update blob set size_bytes = 9 where digest = ${short.digest}`;
    const stray = await store.openUpload('parked/stray', 3);
    await stray.write(Buffer.from('abc'));
    await stray.commit();
    expect(await reconcile(lab.context)).toEqual({
      unknown: [{ storageKey: 'parked/stray', sizeBytes: 3 }],
      missing: [gone],
      wrongSize: [{ ...short, expectedBytes: 9, actualBytes: 5 }],
    });
    const violations = await checkInvariants(database, store);
    expect(violations).toHaveLength(3);
    expect(violations.join()).not.toContain(whole.digest);
    await lab.close();
  });
});
