import { randomBytes } from 'node:crypto';
import { newStorageKey } from '../storage-key.js';
import { mebibyte, read, type Store, sha256, stored } from './steps.js';

/** Every byte comes back, whatever the sizes of blob and chunks. */
export function describeStoring(open: () => Store): void {
  it.each([
    ['an empty blob', 0, 1],
    ['one byte', 1, 1],
    ['a blob in tiny chunks', 5_000, 1],
    ['a blob of odd size', 3 * mebibyte + 1, 65_537],
    ['the largest blob of one request', 16 * mebibyte, mebibyte],
    ['the smallest blob of several parts', 16 * mebibyte + 1, 100_003],
    ['a blob in one chunk larger than any queue', 50 * mebibyte, 50 * mebibyte],
  ])('gives back %s as it was written', async (_what, sizeBytes, chunkBytes) => {
    const store = open();
    const bytes = randomBytes(sizeBytes);
    const key = await stored(store, bytes, chunkBytes);
    expect(sha256(await read(store, key))).toBe(sha256(bytes));
    await store.delete(key);
  });

  it('keeps uploads at the same time apart', async () => {
    const store = open();
    const blobs = Array.from({ length: 4 }, () => randomBytes(5 * mebibyte));
    const keys = await Promise.all(blobs.map((bytes) => stored(store, bytes, 70_001)));
    for (const [index, key] of keys.entries()) {
      expect(sha256(await read(store, key))).toBe(sha256(blobs[index] as Buffer));
      await store.delete(key);
    }
  });

  it('asks a fast writer to wait', async () => {
    const upload = await open().openUpload(newStorageKey(), 64 * mebibyte);
    let waits = 0;
    for (let written = 0; written < 64; written++) {
      const room = upload.write(Buffer.alloc(mebibyte));
      if (room !== undefined) waits++;
      await room;
    }
    expect(waits).toBeGreaterThan(0);
    await upload.abort();
  });

  it('can be told to make itself ready, twice', async () => {
    const store = open();
    await store.ensureReady();
    await store.ensureReady();
  });
}
