import { randomBytes } from 'node:crypto';
import { BlobNotFoundError, BlobUploadLostError, type SafeState } from '../blob-store.js';
import { newStorageKey, type StorageKey } from '../storage-key.js';
import { json, keptBytes, mebibyte, read, type Store, sha256, write } from './steps.js';

/** Uploads that one process leaves and another goes on with. */
export function describeResuming(open: () => Store): void {
  const bytes = randomBytes(26 * mebibyte + 5);

  it('goes on in another process where a dead one stopped', async () => {
    const { key, safe } = await leftBehind(open());
    const store = open();
    const upload = await store.openUpload(key, bytes.length, safe.state);
    expect(upload.offsetBytes).toBe(safe.safeBytes);
    await write(upload, bytes.subarray(upload.offsetBytes));
    await upload.commit();
    expect(sha256(await read(store, key))).toBe(sha256(bytes));
    await store.delete(key);
  });

  it('goes on where the known state ends, although more was stored since', async () => {
    const store = open();
    const key = newStorageKey();
    const first = await store.openUpload(key, bytes.length);
    await write(first, bytes.subarray(0, 9 * mebibyte));
    const old = await keptBytes(first, 8 * mebibyte);
    await first.write(Buffer.alloc(10 * mebibyte, 'not the bytes of the blob'));
    await first.suspend();
    const second = await store.openUpload(key, bytes.length, json(old.state));
    expect(second.offsetBytes).toBe(old.safeBytes);
    await write(second, bytes.subarray(second.offsetBytes));
    await second.commit();
    expect(sha256(await read(store, key))).toBe(sha256(bytes));
    await store.delete(key);
  });

  it('is let go of by suspend and taken up again', async () => {
    const store = open();
    const key = newStorageKey();
    const first = await store.openUpload(key, bytes.length);
    await write(first, bytes.subarray(0, 20 * mebibyte));
    const { safeBytes, state } = await first.suspend();
    expect(safeBytes).toBeGreaterThanOrEqual(16 * mebibyte);
    expect(await first.suspend()).toEqual({ safeBytes, state });
    await expect(first.write(Buffer.alloc(1))).rejects.toThrow(BlobUploadLostError);
    const second = await store.openUpload(key, bytes.length, json(state));
    expect(second.offsetBytes).toBe(safeBytes);
    await write(second, bytes.subarray(safeBytes));
    await second.commit();
    expect(sha256(await read(store, key))).toBe(sha256(bytes));
    await store.delete(key);
  });

  it('finds everything there when the dead process had committed', async () => {
    const store = open();
    const key = newStorageKey();
    const first = await store.openUpload(key, bytes.length);
    await write(first, bytes);
    const { state } = await keptBytes(first, 8 * mebibyte);
    await first.commit();
    const second = await store.openUpload(key, bytes.length, json(state));
    expect(second.offsetBytes).toBe(bytes.length);
    await second.commit();
    expect(sha256(await read(store, key))).toBe(sha256(bytes));
    const third = await store.openUpload(key, bytes.length, json(state));
    await third.abort();
    await expect(store.open(key)).rejects.toThrow(BlobNotFoundError);
  });

  it('starts again when nothing is left, or the state is of no use', async () => {
    const { key, safe } = await leftBehind(open());
    const store = open();
    await store.delete(key);
    for (const state of [safe.state, {}, { uploadId: 7, safeBytes: 'many' }]) {
      const upload = await store.openUpload(key, bytes.length, json(state));
      expect(upload.offsetBytes).toBe(0);
      await upload.abort();
    }
  });

  it('forgets what was left when it is opened without a state', async () => {
    const { key, safe } = await leftBehind(open());
    const store = open();
    const upload = await store.openUpload(key, bytes.length);
    expect(upload.offsetBytes).toBe(0);
    await upload.abort();
    const next = await store.openUpload(key, bytes.length, safe.state);
    expect(next.offsetBytes).toBe(0);
    await next.abort();
  });

  /** Nothing more happens to the upload, as after a kill: its object is only forgotten once its writes are done. */
  async function leftBehind(store: Store): Promise<{ key: StorageKey; safe: SafeState }> {
    const key = newStorageKey();
    const upload = await store.openUpload(key, bytes.length);
    await write(upload, bytes.subarray(0, 18 * mebibyte));
    const kept = await keptBytes(upload, 16 * mebibyte);
    await upload.suspend();
    return { key, safe: json(kept) };
  }
}
