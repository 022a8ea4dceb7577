import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { BlobStore } from '@entrepot/blob-store';
import { collectOnce, openLayerIndex, removeImage } from '@entrepot/content';
import { findLayerPlace, listUnsoughtLayers } from '@entrepot/database';
import {
  findSeekPoints as findPoints,
  LayerIndexWriter,
  readLayerIndex,
  readTarFile,
  summarizeLayer,
} from '@entrepot/layers';
import { createLogger } from '@entrepot/observability';
import type { Digest } from '@entrepot/oci';
import {
  buildImage,
  type ContentLab,
  checkInvariants,
  deterministicBytes,
  openContentLab,
  pullImage,
} from '@entrepot/testing';
import { analyseLayer } from './analyse-layer.js';
import { findSeekPoints } from './find-seek-points.js';
import { layerTar } from './layer-tar.js';
import { type LayerReader, LayerUnreadableError, type SeekPointFinder } from './layer-thread.js';

describe('finding seek points', () => {
  let lab: ContentLab;
  const logger = createLogger({ service: 'test', level: 'silent' });
  const { signal } = new AbortController();
  const spacing = { packedBytes: 500_000, plainBytes: 16_000_000 };

  beforeAll(async () => {
    lab = await openContentLab();
  });
  afterAll(() => lab.close());

  /** Both read in this thread; the thread itself has a test of its own. */
  const layers: LayerReader = {
    read: async (storageKey, takePart) => {
      const index = new LayerIndexWriter(takePart);
      const source = await lab.context.store.open(storageKey);
      const summary = await summarizeLayer(source, {}, { onIndexed: (entry) => index.write(entry) });
      await index.end();
      return { ...summary, packages: [] };
    },
    close: async () => {},
  };
  const finder: SeekPointFinder = {
    find: async ({ storageKey }) => findPoints(await lab.context.store.open(storageKey), spacing),
    close: async () => {},
  };
  const find = (digest: Digest, seekPoints = finder) =>
    findSeekPoints({ content: lab.context, seekPoints, logger }, { digest }, { signal });

  const sizes = { first: 100, middle: 4_500_000, last: 1000 };
  async function analysed(name: string, compression: 'gzip' | 'zstd' | 'none'): Promise<Digest> {
    const entries = Object.entries(sizes).map(([path, size]) => ({
      name: path,
      content: deterministicBytes(size, path),
    }));
    const image = await buildImage({ layers: [{ entries, compression }] });
    await pullImage(lab.context, image, { reference: `docker.io/library/${name}:1` });
    const digest = image.layers[0]?.descriptor.digest as Digest;
    await analyseLayer({ content: lab.context, layers, logger }, { digest }, { signal });
    return digest;
  }

  async function readLast(digest: Digest): Promise<{ content: Buffer; readBytes: number }> {
    let readBytes = 0;
    const store: BlobStore = Object.create(lab.context.store);
    store.open = async (...args) => {
      const source = await lab.context.store.open(...args);
      const counted = async function* (): AsyncGenerator<Buffer> {
        for await (const chunk of source as AsyncIterable<Buffer>) {
          readBytes += chunk.length;
          yield chunk;
        }
      };
      return Readable.from(counted(), { objectMode: false });
    };
    for await (const entry of readLayerIndex(openLayerIndex(lab.context, digest))) {
      if (entry.path !== 'last') continue;
      const content = await buffer(readTarFile(layerTar({ ...lab.context, store }, digest), entry));
      return { content, readBytes };
    }
    throw new Error('there is no such file');
  }

  it('makes the end of a large packed layer near, and takes no room when the layer is gone', async () => {
    const digest = await analysed('gzip', 'gzip');
    expect(await listUnsoughtLayers(lab.context.database.prisma, 10)).toEqual([digest]);
    const before = await readLast(digest);
    expect(before.readBytes).toBeGreaterThan(sizes.middle);
    await find(digest);
    expect(await listUnsoughtLayers(lab.context.database.prisma, 10)).toEqual([]);
    const after = await readLast(digest);
    expect(after.content.equals(deterministicBytes(sizes.last, 'last'))).toBe(true);
    expect(after.content.equals(before.content)).toBe(true);
    expect(after.readBytes).toBeLessThan(1_100_000);
    await find(digest);
    expect(await checkInvariants(lab.context.database, lab.context.store, { hashes: true })).toEqual([]);
    await removeImage(lab.context, 'gzip:1');
    await collectOnce(lab.context, { collectAfterMs: 0 });
    expect(await lab.context.database.prisma.blob.count()).toBe(0);
    expect(await checkInvariants(lab.context.database, lab.context.store, { hashes: true })).toEqual([]);
  });

  it('reads a plain layer where its file is, and one zstd frame from its beginning', async () => {
    const plain = await analysed('plain', 'none');
    expect(await listUnsoughtLayers(lab.context.database.prisma, 10)).toEqual([]);
    expect(await readLast(plain)).toMatchObject({ readBytes: sizes.last });
    const frame = await analysed('frame', 'zstd');
    expect(await listUnsoughtLayers(lab.context.database.prisma, 10)).toEqual([frame]);
    await find(frame);
    expect(await findLayerPlace(lab.context.database.prisma, frame)).toMatchObject({ seekPoints: null });
    expect((await readLast(frame)).content).toHaveLength(sizes.last);
  });

  it('waits while layers wait for analysis, and gives up where reading fails for good', async () => {
    const digest = await analysed('failing', 'gzip');
    const { prisma } = lab.context.database;
    const other = await buildImage({ layers: [[{ name: 'other', content: 'x' }]] });
    await pullImage(lab.context, other, { reference: 'docker.io/library/other:1' });
    expect(await find(digest)).toMatchObject({ retryAt: expect.any(Date) });
    await analyseLayer(
      { content: lab.context, layers, logger },
      { digest: other.layers[0]?.descriptor.digest as Digest },
      { signal },
    );
    const failing = (retryable: boolean): SeekPointFinder => ({
      ...finder,
      find: () => Promise.reject(new LayerUnreadableError('it cannot be read', 'X', retryable)),
    });
    await expect(find(digest, failing(true))).rejects.toThrow('it cannot be read');
    expect(await listUnsoughtLayers(prisma, 10)).toEqual([digest]);
    await find(digest, failing(false));
    expect(await listUnsoughtLayers(prisma, 10)).toEqual([]);
    expect((await readLast(digest)).content).toHaveLength(sizes.last);
  });
});
