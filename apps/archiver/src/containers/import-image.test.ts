import { Readable } from 'node:stream';
import type { JobQueue } from '@entrepot/jobs';
import { writeLayer } from '@entrepot/layers';
import { type ContentLab, checkInvariants, openContentLab } from '@entrepot/testing';
import { importImage } from './import-image.js';

const file = {
  ...{ path: 'large', type: 'file' as const, mode: 0o644, uid: 0, gid: 0, mtimeMs: 0, sizeBytes: 20_000_000 },
  content: () => Array.from({ length: 20 }, () => Buffer.alloc(1_000_000, 'x')),
};
const wanted = { name: null, platform: null, message: 'imported', changes: [] };

describe('an import', () => {
  let lab: ContentLab;
  beforeAll(async () => {
    lab = await openContentLab();
  });
  afterAll(() => lab.close());

  const parts = (content: ContentLab['context']) => ({
    content,
    queue: { enqueueMany: async () => {} } as unknown as JobQueue,
    analysis: { add: () => {} },
  });

  it('fails when its bytes cannot be stored any more, and leaves nothing', async () => {
    const { store, database } = lab.context;
    const full = {
      openUpload: async (...args: Parameters<typeof store.openUpload>) => {
        const upload = await store.openUpload(...args);
        upload.write = () => Promise.reject(new Error('the disk is full'));
        return upload;
      },
      delete: (key: string) => store.delete(key),
    } as unknown as typeof store;
    const body = Readable.from(writeLayer([file]), { objectMode: false });
    await expect(importImage(parts({ database, store: full }), body, wanted)).rejects.toThrow('the disk is full');
    expect(await database.prisma.upload.count()).toBe(0);
    expect(await checkInvariants(database, store, { hashes: true })).toEqual([]);
  });

  it('makes an image of one layer', async () => {
    const body = Readable.from(writeLayer([file]), { objectMode: false });
    const id = await importImage(parts(lab.context), body, wanted);
    expect(await lab.context.database.prisma.image.findUnique({ where: { id } })).toMatchObject({ os: 'linux' });
  });
});
