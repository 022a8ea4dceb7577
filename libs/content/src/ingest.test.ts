import { createHash, randomBytes } from 'node:crypto';
import { type Digest, digestOf } from '@entrepot/oci';
import { type ContentLab, checkInvariants, openContentLab } from '@entrepot/testing';
import { admitBlobs, storeBytes } from './admit.js';
import { collectOnce } from './collect.js';
import { openIngest } from './ingest.js';
import { openBlob, readBlob } from './read-blob.js';

describe('an ingest', () => {
  let lab: ContentLab;
  beforeAll(async () => {
    lab = await openContentLab();
  });
  afterEach(async () => {
    expect(await checkInvariants(lab.context.database, lab.context.store, { hashes: true })).toEqual([]);
  });
  afterAll(() => lab.close());
  const uploads = () => lab.context.database.prisma.upload.count();

  it('stores bytes that become a blob, and knows their digest', async () => {
    const bytes = randomBytes(300_000);
    const ingest = await openIngest(lab.context, { sizeBytes: bytes.length, owner: 'test' });
    expect(await uploads()).toBe(1);
    for (let at = 0; at < bytes.length; at += 65_536) await ingest.write(bytes.subarray(at, at + 65_536));
    const stored = await ingest.finish();
    expect(stored).toEqual({ digest: digestOf(bytes), sizeBytes: bytes.length, storageKey: ingest.storageKey });
    const admitted = await lab.context.database.transaction((tx) => admitBlobs(tx, [stored], { owner: 'test' }));
    expect(admitted).toEqual({ storedAlready: [] });
    expect(await uploads()).toBe(0);
    expect(await readBlob(lab.context, stored.digest, 1_000_000)).toEqual(bytes);
  });

  it('honours SHA-512', async () => {
    const bytes = randomBytes(100);
    const digest: Digest = `sha512:${createHash('sha512').update(bytes).digest('hex')}`;
    expect(await storeBytes(lab.context, bytes, { digest, owner: 'test' })).toMatchObject({ digest });
    expect(await readBlob(lab.context, digest, 100)).toEqual(bytes);
  });

  it('stores an empty blob', async () => {
    const { digest } = await storeBytes(lab.context, Buffer.alloc(0), { owner: 'test' });
    expect(await readBlob(lab.context, digest, 0)).toEqual(Buffer.alloc(0));
  });

  it.each([
    ['other bytes', 'aXc', 'got sha256:'],
    ['too few bytes', 'ab', '2 bytes'],
    ['too many bytes', 'abcd', '4 bytes'],
  ])('refuses %s, and nothing of them remains', async (_what, text, said) => {
    const digest = digestOf(Buffer.from('abc'));
    const ingest = await openIngest(lab.context, { digest, sizeBytes: 3, owner: 'test' });
    const finish = async () => {
      await ingest.write(Buffer.from(text));
      await ingest.finish();
    };
    await expect(finish()).rejects.toMatchObject({ code: 'BLOB_MISMATCH', message: expect.stringContaining(said) });
    await ingest.abort();
    expect(await uploads()).toBe(0);
  });

  it('goes on where a suspended one stopped, and checks the whole', async () => {
    const bytes = randomBytes(500_000);
    const digest = digestOf(bytes);
    const first = await openIngest(lab.context, { digest, sizeBytes: bytes.length, owner: 'one' });
    await first.write(bytes.subarray(0, 300_000));
    await first.suspend();
    const resume = { storageKey: first.storageKey };
    const second = await openIngest(lab.context, { digest, sizeBytes: bytes.length, owner: 'two', resume });
    expect(second.offsetBytes).toBe(300_000);
    await second.write(bytes.subarray(300_000));
    const stored = await second.finish();
    await lab.context.database.transaction((tx) => admitBlobs(tx, [stored], { owner: 'test' }));
    expect(await readBlob(lab.context, digest, bytes.length)).toEqual(bytes);
  });

  it('finds out that the first part of a resumed one was wrong, and says that it was resumed', async () => {
    const bytes = randomBytes(200_000);
    const digest = digestOf(bytes);
    const first = await openIngest(lab.context, { digest, sizeBytes: bytes.length, owner: 'one' });
    await first.write(randomBytes(100_000));
    await first.suspend();
    const resume = { storageKey: first.storageKey };
    const second = await openIngest(lab.context, { digest, sizeBytes: bytes.length, owner: 'two', resume });
    await second.write(bytes.subarray(second.offsetBytes));
    await expect(second.finish()).rejects.toMatchObject({ code: 'BLOB_MISMATCH', resumed: true });
    expect(await uploads()).toBe(0);
  });

  it('starts anew when the upload to resume has expired', async () => {
    const resume = { storageKey: 'parked/never-was' };
    const ingest = await openIngest(lab.context, { sizeBytes: 10, owner: 'two', resume });
    expect(ingest.offsetBytes).toBe(0);
    await ingest.abort();
  });

  it('cannot be finished by an owner from whom it was taken', async () => {
    const bytes = randomBytes(2_000_000);
    const digest = digestOf(bytes);
    const zombie = await openIngest(lab.context, { digest, sizeBytes: bytes.length, owner: 'one' });
    await zombie.write(bytes);
    const { prisma } = lab.context.database;
    await prisma.$executeRaw`update upload set owner = 'two' where storage_key = ${zombie.storageKey}`;
    await expect(zombie.finish()).rejects.toMatchObject({ code: 'UPLOAD_LOST' });
    await zombie.abort();
    expect(await uploads()).toBe(1);
    await prisma.$executeRaw`update upload set expires_at = now()`;
    await collectOnce(lab.context, { collectAfterMs: 0 });
  });

  it('leaves nothing when its time is over, even if it was committed', async () => {
    const bytes = randomBytes(1_000);
    const ingest = await openIngest(lab.context, { sizeBytes: bytes.length, owner: 'test' });
    await ingest.write(bytes);
    const stored = await ingest.finish();
    const { prisma } = lab.context.database;
    await prisma.$executeRaw`update upload set expires_at = now() where storage_key = ${stored.storageKey}`;
    await collectOnce(lab.context, { collectAfterMs: 0 });
    const admission = lab.context.database.transaction((tx) => admitBlobs(tx, [stored], { owner: 'test' }));
    await expect(admission).rejects.toMatchObject({ code: 'UPLOAD_LOST' });
    await expect(lab.context.store.open(stored.storageKey)).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
  });

  it('leaves nothing when it was swept between the last check and the commit', async () => {
    const ingest = await openIngest(lab.context, { sizeBytes: 3, owner: 'slow' });
    await ingest.write(Buffer.from('abc'));
    const stored = await ingest.finish();
    await lab.context.database.prisma.upload.delete({ where: { storageKey: stored.storageKey } });
    const admission = lab.context.database.transaction((tx) => admitBlobs(tx, [stored], { owner: 'test' }));
    await expect(admission).rejects.toMatchObject({ code: 'UPLOAD_LOST' });
    await ingest.abort();
    await collectOnce(lab.context, { collectAfterMs: 3_600_000 });
    await expect(lab.context.store.open(stored.storageKey)).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
  });

  it('leaves nothing when its row goes while it is committed', async () => {
    const ingest = await openIngest(lab.context, { sizeBytes: 3, owner: 'cut off' });
    await ingest.write(Buffer.from('abc'));
    await lab.context.database.prisma.upload.delete({ where: { storageKey: ingest.storageKey } });
    await expect(ingest.finish()).rejects.toMatchObject({ code: 'UPLOAD_LOST' });
    await ingest.abort();
    await collectOnce(lab.context, { collectAfterMs: 3_600_000 });
    await expect(lab.context.store.open(ingest.storageKey)).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
  });

  it('takes nothing more once its digest was asked for', async () => {
    const ingest = await openIngest(lab.context, { owner: 'test' });
    await ingest.write(Buffer.from('abc'));
    expect(ingest.seal()).toBe(digestOf(Buffer.from('abc')));
    await expect(ingest.write(Buffer.from('d'))).rejects.toThrow('is sealed');
    expect(await ingest.finish()).toMatchObject({ digest: ingest.seal(), sizeBytes: 3 });
    await ingest.abort();
  });

  it('that was admitted stays when it is aborted late', async () => {
    const ingest = await openIngest(lab.context, { sizeBytes: 4, owner: 'test' });
    await ingest.write(Buffer.from('late'));
    const stored = await ingest.finish();
    await lab.context.database.transaction((tx) => admitBlobs(tx, [stored], { owner: 'test' }));
    await ingest.abort();
    await collectOnce(lab.context, { collectAfterMs: 3_600_000 });
    expect((await readBlob(lab.context, stored.digest, 4)).toString()).toBe('late');
  });

  it('keeps the first of two objects with one digest', async () => {
    const bytes = randomBytes(1_000);
    const ingests = await Promise.all(
      ['one', 'two'].map((owner) => openIngest(lab.context, { sizeBytes: 1_000, owner })),
    );
    const stored = await Promise.all(
      ingests.map(async (ingest) => {
        await ingest.write(bytes);
        return await ingest.finish();
      }),
    );
    const admitted = await Promise.all(
      stored.map((object) => lab.context.database.transaction((tx) => admitBlobs(tx, [object], { owner: 'test' }))),
    );
    expect(admitted.map(({ storedAlready }) => storedAlready.length).sort()).toEqual([0, 1]);
    expect(await lab.context.database.prisma.tombstone.count()).toBe(1);
    await collectOnce(lab.context, { collectAfterMs: 3_600_000 });
    expect(await readBlob(lab.context, digestOf(bytes), 1_000)).toEqual(bytes);
  });

  it('reads ranges, and says which blob is not here', async () => {
    const { digest } = await storeBytes(lab.context, Buffer.from('0123456789'), { owner: 'test' });
    const chunks: Buffer[] = [];
    for await (const chunk of await openBlob(lab.context, digest, { fromByte: 2, toByte: 5 })) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toBe('234');
    await expect(readBlob(lab.context, digest, 5)).rejects.toMatchObject({ code: 'BLOB_MISMATCH' });
    const absent = digestOf(Buffer.from('absent'));
    await expect(openBlob(lab.context, absent)).rejects.toThrow(`blob ${absent} is not stored here`);
  });
});
