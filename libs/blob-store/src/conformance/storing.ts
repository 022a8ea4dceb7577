import { randomBytes } from 'node:crypto';
import { BlobNotFoundError, BlobUploadLostError } from '../blob-store.js';
import { newStorageKey } from '../storage-key.js';
import { mebibyte, read, type Store, sha256, stored, write } from './steps.js';

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

  it.each([
    ['an empty blob', 0, 1],
    ['one byte', 1, 1],
    ['a blob of one request', 16 * mebibyte, 70_001],
    ['a blob of several parts', 16 * mebibyte + 1, 100_003],
    ['a blob of whole parts', 32 * mebibyte, mebibyte],
    ['a blob in one large chunk', 50 * mebibyte, 50 * mebibyte],
  ])('stores %s whose size nobody told', async (_what, sizeBytes, chunkBytes) => {
    const store = open();
    const bytes = randomBytes(sizeBytes);
    const key = newStorageKey();
    const upload = await store.openUpload(key, null);
    await write(upload, bytes, chunkBytes);
    await expect(store.open(key)).rejects.toThrow(BlobNotFoundError);
    await upload.commit();
    await upload.commit();
    await upload.abort();
    expect(sha256(await read(store, key))).toBe(sha256(bytes));
    await store.delete(key);
  });

  it.each([10, 40 * mebibyte])('leaves nothing of %d bytes without a size after an abort', async (sizeBytes) => {
    const store = open();
    const key = newStorageKey();
    const upload = await store.openUpload(key, null);
    await upload.write(Buffer.alloc(sizeBytes));
    const { state } = upload.state();
    await upload.abort();
    await upload.abort();
    await expect(upload.write(Buffer.alloc(1))).rejects.toThrow(BlobUploadLostError);
    await expect(upload.commit()).rejects.toThrow(BlobUploadLostError);
    await expect(store.open(key)).rejects.toThrow(BlobNotFoundError);
    const next = await store.openUpload(key, null, state);
    expect(next.offsetBytes).toBe(0);
    await next.abort();
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
