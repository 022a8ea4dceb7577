import { randomBytes, randomUUID } from 'node:crypto';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { deleteArchive, listArchives, takeLoad } from '@entrepot/database';
import { type ContentLab, checkInvariants, openContentLab } from '@entrepot/testing';
import { collectOnce } from './collect.js';
import { announceArchive, receivePiece } from './receive-archive.js';

const bytes = randomBytes(3_000_000);

describe('an archive that is sent in pieces', () => {
  let lab: ContentLab;
  beforeAll(async () => {
    lab = await openContentLab();
  });
  afterEach(async () => {
    expect(await checkInvariants(lab.context.database, lab.context.store)).toEqual([]);
  });
  afterAll(() => lab.close());

  const announce = (receptionKey: string = randomUUID(), lifeMs = 60_000) =>
    lab.context.database.transaction((tx) =>
      announceArchive(tx, { request: { platform: null }, sizeBytes: bytes.length, receptionKey, lifeMs }),
    );
  const send = (archiveId: string, offsetBytes: number, to = bytes.length) =>
    receivePiece(lab.context, { archiveId, offsetBytes, body: Readable.from([bytes.subarray(offsetBytes, to)]) });
  const look = async (id: string) => {
    const [row] = await listArchives(lab.context.database.prisma, { id, limit: 1 });
    return row && [row.state, row.bytesDone];
  };
  const received = async (id: string): Promise<Buffer> => {
    const taken = await takeLoad(lab.context.database.prisma, id);
    return buffer(await lab.context.store.open(taken?.storageKey ?? ''));
  };
  const untilReceived = async (id: string): Promise<void> => {
    while ((await lab.context.database.prisma.archive.count({ where: { id, receiver: { not: null } } })) === 0);
  };
  /** All rows and bytes that nobody keeps. */
  const collect = () => collectOnce(lab.context, { collectAfterMs: 0 });
  const uploads = () => lab.context.database.prisma.upload.count();

  it('is whole when its last byte is there, and waits to be loaded', async () => {
    const { id } = await announce();
    expect(await look(id)).toEqual(['receiving', 0]);
    expect(await send(id, 0, 1_000_000)).toBe(false);
    expect(await look(id)).toEqual(['receiving', 1_000_000]);
    expect(await send(id, 1_000_000)).toBe(true);
    expect(await look(id)).toEqual(['queued', bytes.length]);
    expect((await received(id)).equals(bytes)).toBe(true);
    await expect(send(id, bytes.length)).rejects.toMatchObject({ code: 'ARCHIVE_RECEIVED', retryable: false });
  });

  it('keeps what came when the connection breaks', async () => {
    const { id } = await announce();
    const body = new PassThrough();
    const sending = receivePiece(lab.context, { archiveId: id, offsetBytes: 0, body });
    body.write(bytes.subarray(0, 1_500_000), () => body.destroy(new Error('reset by peer')));
    await expect(sending).rejects.toThrow('reset by peer');
    const [, bytesDone] = (await look(id)) ?? [];
    expect(bytesDone).toBeGreaterThan(0);
    expect(await send(id, Number(bytesDone))).toBe(true);
    expect((await received(id)).equals(bytes)).toBe(true);
  });

  it('is the same for whoever begins the same again, until it is whole', async () => {
    const first = await announce('a key');
    await send(first.id, 0, 10);
    expect(await announce('a key')).toEqual({ id: first.id, isNew: false });
    await send(first.id, 10);
    expect(await announce('a key')).toMatchObject({ isNew: true });
  });

  it('refuses bytes from a wrong place, and says where it goes on', async () => {
    const { id } = await announce();
    await send(id, 0, 10);
    const message = `archive ${id} goes on at byte 10, not at 20`;
    await expect(send(id, 20)).rejects.toMatchObject({ code: 'OFFSET_MISMATCH', message, retryable: true });
    expect(await send(id, 10)).toBe(true);
  });

  it('is sent by one connection at a time', async () => {
    const { id } = await announce();
    const body = new PassThrough();
    const sending = receivePiece(lab.context, { archiveId: id, offsetBytes: 0, body });
    await untilReceived(id);
    const others = Array.from({ length: 8 }, () => send(id, 0).catch(({ code }: { code: string }) => code));
    expect(await Promise.all(others)).toEqual(Array.from({ length: 8 }, () => 'ARCHIVE_BUSY'));
    body.end(bytes);
    expect(await sending).toBe(true);
    expect((await received(id)).equals(bytes)).toBe(true);
  });

  it('takes no more bytes than were announced', async () => {
    const { id } = await announce();
    await send(id, 0, bytes.length - 5);
    const body = Readable.from([bytes.subarray(0, 10)]);
    await expect(
      receivePiece(lab.context, { archiveId: id, offsetBytes: bytes.length - 5, body }),
    ).rejects.toMatchObject({ code: 'BLOB_SIZE_MISMATCH' });
    expect(await send(id, bytes.length - 5)).toBe(true);
    expect((await received(id)).equals(bytes)).toBe(true);
  });

  it('goes on after its receiver died right after it stored the last byte', async () => {
    const { id } = await announce();
    await send(id, 0, 1_000_000);
    const { prisma } = lab.context.database;
    const { storageKey, resumeState } = await prisma.upload.findFirstOrThrow({ where: { owner: `archive:${id}` } });
    const upload = await lab.context.store.openUpload(storageKey, bytes.length, resumeState as Record<string, unknown>);
    await upload.write(bytes.subarray(1_000_000));
    await upload.commit();
    await expect(send(id, 1_000_000)).rejects.toMatchObject({ code: 'OFFSET_MISMATCH' });
    expect(await look(id)).toEqual(['receiving', bytes.length]);
    expect(await send(id, bytes.length)).toBe(true);
    expect((await received(id)).equals(bytes)).toBe(true);
  });

  it('goes with its bytes when nobody sends the rest in time', async () => {
    await lab.context.database.prisma.$executeRaw`update archive set expires_at = now()`;
    await lab.context.database.prisma.$executeRaw`update upload set expires_at = now()`;
    await collect();
    const { id } = await announce('late', 1);
    await send(id, 0, 100).catch(() => false);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect((await announce('late', 60_000)).isNew).toBe(true);
    await expect(send(id, 100)).rejects.toMatchObject({ code: 'ARCHIVE_NOT_FOUND' });
    await collect();
    expect(await uploads()).toBe(1);
  });

  it('stops to be received when somebody gives it up', async () => {
    const { id } = await announce();
    const body = new PassThrough();
    const sending = receivePiece(lab.context, { archiveId: id, offsetBytes: 0, body });
    body.write(bytes.subarray(0, 1_000_000));
    await untilReceived(id);
    await lab.context.database.transaction((tx) => deleteArchive(tx, id));
    body.end(bytes.subarray(1_000_000));
    await expect(sending).rejects.toMatchObject({ code: 'ARCHIVE_NOT_FOUND' });
    await collect();
    expect(await look(id)).toBeUndefined();
    expect((await lab.context.database.prisma.upload.findMany({ where: { owner: `archive:${id}` } })).length).toBe(0);
  });
});
