import { createHash, randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { BlobNotFoundError } from '../blob-store.js';
import { newStorageKey, type StorageKey } from '../storage-key.js';
import { abandon, listing, mebibyte, read, type Store, sha256, stored } from './steps.js';

/** Ranges, missing blobs, readers that go away, and the list. */
export function describeReading(open: () => Store): void {
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
    const wanted = sha256(bytes.subarray(start, end));
    expect(sha256(await buffer(await open().open(key, range)))).toBe(wanted);
    const hash = createHash('sha256');
    for await (const piece of open().pieces(key, range)) hash.update(piece);
    expect(hash.digest('hex')).toBe(wanted);
  });

  it('gives pieces that are good until the next one is asked for, however slow the reader is', async () => {
    const found: Buffer[] = [];
    for await (const piece of open().pieces(key)) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      found.push(Buffer.from(piece));
    }
    expect(Buffer.concat(found).equals(bytes)).toBe(true);
  });

  it.each([{ fromByte: -1 }, { fromByte: 0.5 }, { fromByte: 5, toByte: 4 }, { toByte: Number.NaN }])(
    'refuses %j, which is no range',
    async (range) => {
      await expect(open().open(key, range)).rejects.toThrow(RangeError);
    },
  );

  it('says when there is no such blob, also for an empty range', async () => {
    await expect(open().open(newStorageKey())).rejects.toThrow(BlobNotFoundError);
    await expect(open().pieces(newStorageKey()).next()).rejects.toThrow(BlobNotFoundError);
    await expect(open().open(newStorageKey(), { fromByte: 0, toByte: 0 })).rejects.toThrow(BlobNotFoundError);
  });

  it('ends a read when its signal is aborted', async () => {
    const gone = new AbortController();
    const stream = await open().open(key, {}, gone.signal);
    gone.abort();
    await expect(buffer(stream)).rejects.toThrow('aborted');
    await expect(open().open(key, {}, gone.signal)).rejects.toThrow('aborted');
    await expect(open().pieces(key, {}, gone.signal).next()).rejects.toThrow('aborted');
  });

  it('goes on working after many readers went away in the middle', async () => {
    const store = open();
    for (let reader = 0; reader < 80; reader++) await abandon(await store.open(key));
    for (let reader = 0; reader < 80; reader++) for await (const _ of store.pieces(key)) break;
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
