import { randomBytes } from 'node:crypto';
import { BlobNotFoundError, BlobSizeMismatchError, BlobUploadLostError } from '../blob-store.js';
import { newStorageKey } from '../storage-key.js';
import { keptBytes, listing, mebibyte, read, type Store, stored } from './steps.js';

/** Commit, abort and delete: all or nothing, as often as one likes. */
export function describeEnding(open: () => Store): void {
  it.each([10, 17 * mebibyte])('shows nothing of a blob of %d bytes before its commit', async (sizeBytes) => {
    const store = open();
    const key = newStorageKey();
    const upload = await store.openUpload(key, sizeBytes);
    await upload.write(Buffer.alloc(sizeBytes));
    await expect(store.open(key)).rejects.toThrow(BlobNotFoundError);
    await upload.commit();
    await upload.commit();
    await upload.abort();
    expect(await read(store, key)).toHaveLength(sizeBytes);
    await store.delete(key);
  });

  it.each([10, 17 * mebibyte])('commits %d bytes only when all are written', async (sizeBytes) => {
    const store = open();
    const key = newStorageKey();
    const upload = await store.openUpload(key, sizeBytes);
    await upload.write(Buffer.alloc(sizeBytes - 1));
    await expect(upload.commit()).rejects.toThrow(BlobSizeMismatchError);
    await expect(store.open(key)).rejects.toThrow(BlobNotFoundError);
    await upload.write(Buffer.alloc(1));
    await upload.commit();
    expect(await read(store, key)).toHaveLength(sizeBytes);
    await store.delete(key);
  });

  it.each([10, 17 * mebibyte])('refuses a byte more than %d', async (sizeBytes) => {
    const upload = await open().openUpload(newStorageKey(), sizeBytes);
    await upload.write(Buffer.alloc(sizeBytes));
    await expect(upload.write(Buffer.alloc(1))).rejects.toThrow(BlobSizeMismatchError);
    await expect(upload.commit()).rejects.toThrow(BlobSizeMismatchError);
    await upload.abort();
  });

  it.each([10, 17 * mebibyte])('leaves nothing of %d bytes after an abort', async (sizeBytes) => {
    const store = open();
    const key = newStorageKey();
    const upload = await store.openUpload(key, sizeBytes);
    await upload.write(Buffer.alloc(sizeBytes));
    const { state } = upload.state();
    await upload.abort();
    await upload.abort();
    await expect(upload.write(Buffer.alloc(1))).rejects.toThrow(BlobUploadLostError);
    await expect(upload.commit()).rejects.toThrow(BlobUploadLostError);
    await expect(store.open(key)).rejects.toThrow(BlobNotFoundError);
    const next = await store.openUpload(key, sizeBytes, state);
    expect(next.offsetBytes).toBe(0);
    await next.abort();
  });

  it('deletes a blob, and does so again', async () => {
    const store = open();
    const key = await stored(store, randomBytes(100));
    await store.delete(key);
    await store.delete(key);
    await expect(store.open(key)).rejects.toThrow(BlobNotFoundError);
    expect((await listing(store)).has(key)).toBe(false);
  });

  it('deletes an unfinished upload too, so that it can never be committed', async () => {
    const store = open();
    const key = newStorageKey();
    const upload = await store.openUpload(key, 17 * mebibyte);
    await upload.write(Buffer.alloc(17 * mebibyte));
    await keptBytes(upload, 8 * mebibyte);
    await open().delete(key);
    await expect(upload.commit()).rejects.toThrow(BlobUploadLostError);
    await upload.abort();
    await expect(store.open(key)).rejects.toThrow(BlobNotFoundError);
  });
}
