import { createHash, randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  BlobNotFoundError,
  BlobSizeMismatchError,
  type BlobStore,
  type BlobStoreListing,
  type BlobStoreReadiness,
  BlobUploadLostError,
  type SafeState,
  type Upload,
} from './blob-store.js';
import { InvalidStorageKeyError, newStorageKey, type StorageKey } from './storage-key.js';

type Store = BlobStore & BlobStoreListing & BlobStoreReadiness;

const mebibyte = 1024 * 1024;

/**
 * What every blob store must do: one call in the test of each adapter. `open`
 * gives one more store object on the same bytes, as another process would have.
 */
export function describeBlobStore(name: string, open: () => Store): void {
  describe(`blob store: ${name}`, () => {
    describe('storing', () => describeStoring(open));
    describe('reading', () => describeReading(open));
    describe('ending', () => describeEnding(open));
    describe('resuming', () => describeResuming(open));
    describe('arguments', () => describeArguments(open));
  });
}

function describeStoring(open: () => Store): void {
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

function describeReading(open: () => Store): void {
  const bytes = randomBytes(2 * mebibyte + 17);
  let key: StorageKey;
  beforeAll(async () => {
    key = await stored(open(), bytes);
  });
  afterAll(() => open().delete(key));

  it.each([
    ['all of it', {}, 0, undefined],
    ['from a byte on', { fromByte: 1_000_001 }, 1_000_001, undefined],
    ['up to a byte', { toByte: 10 }, 0, 10],
    ['the middle', { fromByte: 65_536, toByte: 131_073 }, 65_536, 131_073],
    ['the last byte', { fromByte: bytes.length - 1 }, bytes.length - 1, undefined],
    ['nothing, in the middle', { fromByte: 10, toByte: 10 }, 10, 10],
    ['nothing, at the end', { fromByte: bytes.length }, bytes.length, undefined],
    ['nothing, past the end', { fromByte: bytes.length + 5, toByte: bytes.length + 9 }, bytes.length, undefined],
    ['what there is, when the range ends past the end', { fromByte: 7, toByte: bytes.length + 9 }, 7, undefined],
  ])('reads %s', async (_what, range, start, end) => {
    const found = await buffer(await open().open(key, range));
    expect(sha256(found)).toBe(sha256(bytes.subarray(start, end)));
  });

  it.each([{ fromByte: -1 }, { fromByte: 0.5 }, { fromByte: 5, toByte: 4 }, { toByte: Number.NaN }])(
    'refuses %j, which is no range',
    async (range) => {
      await expect(open().open(key, range)).rejects.toThrow(RangeError);
    },
  );

  it('says when there is no such blob, also for an empty range', async () => {
    await expect(open().open(newStorageKey())).rejects.toThrow(BlobNotFoundError);
    await expect(open().open(newStorageKey(), { fromByte: 0, toByte: 0 })).rejects.toThrow(BlobNotFoundError);
  });

  it('ends a read when its signal is aborted', async () => {
    const gone = new AbortController();
    const stream = await open().open(key, {}, gone.signal);
    gone.abort();
    await expect(buffer(stream)).rejects.toThrow('aborted');
    await expect(open().open(key, {}, gone.signal)).rejects.toThrow('aborted');
  });

  it('goes on working after many readers went away in the middle', async () => {
    const store = open();
    for (let reader = 0; reader < 80; reader++) await abandon(await store.open(key));
    expect(sha256(await read(store, key))).toBe(sha256(bytes));
  });

  it('lists what is committed, and only that', async () => {
    const store = open();
    const upload = await store.openUpload(newStorageKey(), 17 * mebibyte);
    await upload.write(Buffer.alloc(9 * mebibyte));
    const pending = newStorageKey();
    await (await store.openUpload(pending, 5)).suspend();
    const listed = await listing(store);
    expect(listed.get(key)).toBe(bytes.length);
    expect(listed.has(pending)).toBe(false);
    expect([...listed.values()]).not.toContain(9 * mebibyte);
    await upload.abort();
    await store.delete(pending);
  });
}

function describeEnding(open: () => Store): void {
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

function describeResuming(open: () => Store): void {
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

function describeArguments(open: () => Store): void {
  it.each(['', '/', 'a//b', '../a', 'a/../b', './a', 'a/.', '/etc/passwd', 'a/b/', 'a\\b', 'a\0b', 'a b', 'a+b', 'ä'])(
    'refuses %j as a key',
    async (key) => {
      const store = open();
      await expect(store.openUpload(key, 1)).rejects.toThrow(InvalidStorageKeyError);
      await expect(store.openUpload(key, 1, {})).rejects.toThrow(InvalidStorageKeyError);
      await expect(store.open(key)).rejects.toThrow(InvalidStorageKeyError);
      await expect(store.delete(key)).rejects.toThrow(InvalidStorageKeyError);
    },
  );

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses %d as a size', async (sizeBytes) => {
    await expect(open().openUpload(newStorageKey(), sizeBytes)).rejects.toThrow(RangeError);
  });
}

async function stored(store: Store, bytes: Buffer, chunkBytes = mebibyte): Promise<StorageKey> {
  const key = newStorageKey();
  const upload = await store.openUpload(key, bytes.length);
  expect(upload.offsetBytes).toBe(0);
  await write(upload, bytes, chunkBytes);
  await upload.commit();
  return key;
}

async function write(upload: Upload, bytes: Buffer, chunkBytes = mebibyte): Promise<void> {
  for (let at = 0; at < bytes.length; at += chunkBytes) await upload.write(bytes.subarray(at, at + chunkBytes));
}

async function read(store: Store, key: StorageKey): Promise<Buffer> {
  return buffer(await store.open(key));
}

/** Waits until that many bytes would survive this process. */
async function keptBytes(upload: Upload, atLeastBytes: number): Promise<SafeState> {
  while (upload.state().safeBytes < atLeastBytes) await sleep(5);
  return upload.state();
}

async function abandon(stream: Readable): Promise<void> {
  for await (const _chunk of stream) break;
  expect(stream.destroyed).toBe(true);
}

async function listing(store: Store): Promise<Map<StorageKey, number>> {
  const found = new Map<StorageKey, number>();
  for await (const { key, sizeBytes } of store.list()) found.set(key, sizeBytes);
  return found;
}

function json<T>(value: T): T {
  return JSON.parse(JSON.stringify(value));
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
