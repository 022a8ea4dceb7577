import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { newStorageKey, openBlobStore } from '@entrepot/blob-store';
import { type IndexEntry, readLayerIndex } from '@entrepot/layers';
import { buildLayer } from '@entrepot/testing';
import { type LayerReader, openLayerThread } from './layer-thread.js';

describe('the thread that reads layers', () => {
  let folder: string;
  let reader: LayerReader;
  const signal = new AbortController().signal;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entrepot-thread-'));
    // A thread runs what is built: jest transforms only what it loads itself.
    reader = openLayerThread(String(pathToFileURL(folder)), new URL('../dist/layer-thread-main.js', import.meta.url));
  });
  afterAll(async () => {
    await reader.close();
    await rm(folder, { recursive: true });
  });

  const parts: Buffer[] = [];
  const takePart = async (part: Buffer): Promise<void> => void parts.push(part);
  const read = (key: string, stop = signal) => reader.read(key, takePart, stop);

  async function store(bytes: Buffer): Promise<string> {
    const key = newStorageKey(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);
    const upload = await openBlobStore(String(pathToFileURL(folder))).openUpload(key, bytes.length);
    await upload.write(bytes);
    await upload.commit();
    return key;
  }

  it('summarizes one layer after the other', async () => {
    for (const content of ['one', 'two']) {
      const layer = await buildLayer([{ name: 'a', content }]);
      expect(await read(await store(layer.bytes))).toMatchObject({
        diffId: layer.diffId,
        contentBytes: 3,
      });
    }
  });

  it('hands the index over, and gives up when nobody takes it', async () => {
    parts.length = 0;
    const key = await store((await buildLayer([{ name: 'a', content: 'four' }])).bytes);
    await read(key);
    const entries: IndexEntry[] = [];
    for await (const entry of readLayerIndex(Readable.from(parts))) entries.push(entry);
    expect(entries).toMatchObject([{ path: 'a', type: 'file', sizeBytes: 4 }]);
    await expect(reader.read(key, () => Promise.reject(new Error('no room')), signal)).rejects.toThrow('no room');
    expect(await read(key)).toMatchObject({ entryCount: 1 });
  });

  it('says why a layer cannot be read, and goes on with the next', async () => {
    await expect(read(await store(Buffer.alloc(1024, 7)))).rejects.toMatchObject({
      code: 'INVALID_LAYER',
      retryable: false,
    });
    await expect(read('sha256/00/00/none')).rejects.toMatchObject({ retryable: false });
    const layer = await buildLayer([{ name: 'a', content: 'three' }]);
    expect(await read(await store(layer.bytes))).toMatchObject({ diffId: layer.diffId });
  });

  it('ends when its work is called off, and can be asked again', async () => {
    const layer = await buildLayer([{ name: 'a', content: Buffer.alloc(64 * 1024 * 1024) }]);
    const key = await store(layer.bytes);
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 20);
    await expect(read(key, stop.signal)).rejects.toMatchObject({ retryable: true });
    expect(await read(key)).toMatchObject({ entryCount: 1 });
  });
});
