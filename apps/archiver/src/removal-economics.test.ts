import { collectOnce, removeImages } from '@entrepot/content';
import { listStoredBytes, measureUsedBytes } from '@entrepot/database';
import { LayerIndexWriter, summarizeLayer } from '@entrepot/layers';
import { createLogger } from '@entrepot/observability';
import type { Digest } from '@entrepot/oci';
import {
  type BuiltImage,
  buildImage,
  type ContentLab,
  checkInvariants,
  deterministicBytes,
  type LayerRecipe,
  openContentLab,
  pullImage,
} from '@entrepot/testing';
import { analyseLayer } from './analyse-layer.js';
import type { LayerReader } from './layer-thread.js';

describe('what images cost', () => {
  let lab: ContentLab;
  const layer = (seed: string, compression: LayerRecipe['compression'] = 'gzip'): LayerRecipe => ({
    entries: [{ name: seed, content: deterministicBytes(20_000, seed) }],
    compression,
  });

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

  async function pull(name: string, recipes: LayerRecipe[], labels: Record<string, string>): Promise<BuiltImage> {
    const image = await buildImage({ layers: recipes, config: { Labels: labels } });
    await pullImage(lab.context, image, { reference: `docker.io/library/${name}` });
    const logger = createLogger({ service: 'test', level: 'silent' });
    const { signal } = new AbortController();
    for (const { descriptor } of image.layers) {
      await analyseLayer({ content: lab.context, layers, logger }, { digest: descriptor.digest }, { signal });
    }
    return image;
  }

  beforeAll(async () => {
    lab = await openContentLab();
  });
  afterAll(() => lab.close());

  it('is known to the byte before anything is removed', async () => {
    const { database } = lab.context;
    const a = await pull('a:1', [layer('base'), layer('only-a')], { owner: 'one' });
    const b = await pull('b:1', [layer('base'), layer('shared')], { owner: 'two' });
    const c = await pull('c:1', [layer('base', 'zstd'), layer('shared'), layer('only-c', 'zstd')], { owner: 'two' });
    const storedBytes = async (): Promise<number> => {
      const rows = await database.prisma.blob.findMany({ select: { sizeBytes: true } });
      return rows.reduce((sum, { sizeBytes }) => sum + Number(sizeBytes), 0);
    };
    // The index of both encodings of one layer was stored twice; what is too much goes first.
    await collectOnce(lab.context, { collectAfterMs: 0 });
    const before = await storedBytes();
    expect((await measureUsedBytes(database.prisma)).sizeBytes).toBe(before);
    const owners = await listStoredBytes(database.prisma, { key: { by: 'label', label: 'owner' }, limit: 10 });
    expect(owners.map(({ key, images }) => [key, images])).toEqual([
      ['two', 2],
      ['one', 1],
    ]);
    for (const { totalBytes, sharedBytes, uniqueBytes } of owners) expect(sharedBytes + uniqueBytes).toBe(totalBytes);

    const single = await removeImages(lab.context, [b.config.digest], { rehearse: true, force: true });
    const [cost] = await listStoredBytes(database.prisma, {
      ...{ key: { by: 'image' }, limit: 1, imageIds: [b.config.digest as Digest] },
    });
    expect(cost?.uniqueBytes).toBe(single.freedBytes);

    const names = ['b:1', c.config.digest];
    const told = await removeImages(lab.context, names, { rehearse: true, force: true });
    expect(told.freedBytes).toBe(owners[0]?.uniqueBytes);
    expect(await storedBytes()).toBe(before);
    await removeImages(lab.context, names, { force: true });
    const freed = await collectOnce(lab.context, { collectAfterMs: 0 });
    expect(freed.freedBytes).toBe(told.freedBytes);
    expect(before - (await storedBytes())).toBe(told.freedBytes);
    expect(await checkInvariants(database, lab.context.store)).toEqual([]);
    expect((await listStoredBytes(database.prisma, { key: { by: 'repository' }, limit: 10 }))[0]).toMatchObject({
      ...{ key: 'a', images: 1, totalBytes: before - told.freedBytes, sharedBytes: 0 },
    });
    expect(a.layers).toHaveLength(2);
  });
});
