import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { newStorageKey, openBlobStore } from '@entrepot/blob-store';
import { buildLayer } from '@entrepot/testing';
import { type LayerReader, openLayerReader } from './layer-thread.js';

describe('the thread that reads layers', () => {
  let folder: string;
  let reader: LayerReader;
  const signal = new AbortController().signal;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entrepot-thread-'));
    // A thread runs what is built: jest transforms only what it loads itself.
    reader = openLayerReader(String(pathToFileURL(folder)), new URL('../dist/layer-thread-main.js', import.meta.url));
  });
  afterAll(async () => {
    await reader.close();
    await rm(folder, { recursive: true });
  });

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
      expect(await reader.read(await store(layer.bytes), signal)).toMatchObject({
        diffId: layer.diffId,
        contentBytes: 3,
      });
    }
  });

  it('says why a layer cannot be read, and goes on with the next', async () => {
    await expect(reader.read(await store(Buffer.alloc(1024, 7)), signal)).rejects.toMatchObject({
      code: 'INVALID_LAYER',
      retryable: false,
    });
    await expect(reader.read('sha256/00/00/none', signal)).rejects.toMatchObject({ retryable: false });
    const layer = await buildLayer([{ name: 'a', content: 'three' }]);
    expect(await reader.read(await store(layer.bytes), signal)).toMatchObject({ diffId: layer.diffId });
  });

  it('ends when its work is called off, and can be asked again', async () => {
    const layer = await buildLayer([{ name: 'a', content: Buffer.alloc(64 * 1024 * 1024) }]);
    const key = await store(layer.bytes);
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 20);
    await expect(reader.read(key, stop.signal)).rejects.toMatchObject({ retryable: true });
    expect(await reader.read(key, signal)).toMatchObject({ entryCount: 1 });
  });
});
