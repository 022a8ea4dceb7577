import { createTestDatabase, type SeededImage, seedImage, seedIndex, type TestDatabase } from '@entrepot/testing';
import {
  type Database,
  type ImageListFilter,
  type ImageSummary,
  listImages,
  measureDiskUsage,
  measureSharedBytes,
  openDatabase,
} from './index.js';

describe('image list', () => {
  let source: TestDatabase;
  let database: Database;
  const images: Record<string, SeededImage> = {};

  beforeAll(async () => {
    source = await createTestDatabase();
    database = openDatabase(source.url);
    await database.transaction(async (tx) => {
      const day = (n: number): string => `2024-01-0${n}T00:00:00Z`;
      images.base = await seedImage(tx, {
        ...{ layers: ['os=1000', 'tool=10'], labels: { tier: 'base' }, created: day(1) },
        names: ['reg:5000/demo/base:1', 'reg:5000/demo/base:1.0', 'from/digest:1'],
      });
      images.app = await seedImage(tx, {
        ...{ layers: ['os=1000', 'tool=10', 'app=7'], labels: { tier: 'app', maintainer: 'demo' }, created: day(3) },
        names: ['short:latest', 'local/app:latest', 'reg:5000/demo/app:2'],
      });
      const step = await seedImage(tx, { layers: ['os=1000', 'step=3'], created: day(4) });
      images.step = step;
      images.built = await seedImage(tx, { layers: ['os=1000', 'step=3', 'end=2'], parent: step.id, created: day(5) });
      const { images: both } = await seedIndex(tx, {
        images: [
          { layers: ['x=1'], created: day(6) },
          { layers: ['y=1'], platform: 'linux/arm64', created: day(2) },
        ],
        names: ['multi:1'],
      });
      [images.amd64, images.arm64] = both as [SeededImage, SeededImage];
    });
  });

  afterAll(async () => {
    await database.close();
    await source.drop();
  });

  const nameOf = (summary: ImageSummary): string =>
    Object.keys(images).find((name) => images[name]?.id === summary.id) ?? summary.id;
  const list = async (filter: ImageListFilter): Promise<string[]> =>
    (await listImages(database.prisma, filter)).map(nameOf);
  const seconds = (n: number): number => Date.UTC(2024, 0, n) / 1000;

  it.each<[what: string, filter: ImageListFilter, names: string[]]>([
    ['newest first, without untagged images that have children', {}, ['amd64', 'built', 'app', 'arm64', 'base']],
    ['all', { all: true }, ['amd64', 'built', 'step', 'app', 'arm64', 'base']],
    ['dangling: no tag and no child', { dangling: true }, ['built', 'arm64']],
    ['not dangling: any name', { dangling: false }, ['amd64', 'app', 'arm64', 'base']],
    ['label', { labels: [{ key: 'tier' }] }, ['app', 'base']],
    ['label with value', { labels: [{ key: 'tier', value: 'app' }] }, ['app']],
    [
      'labels',
      {
        labels: [
          { key: 'tier', value: 'app' },
          { key: 'maintainer', value: 'x' },
        ],
      },
      [],
    ],
    ['before, strictly', { beforeSeconds: seconds(3) }, ['arm64', 'base']],
    ['since, strictly', { sinceSeconds: seconds(3) }, ['amd64', 'built']],
    ['between', { sinceSeconds: seconds(1), beforeSeconds: seconds(3) }, ['arm64']],
  ])('%s', async (_what, filter, names) => {
    expect(await list(filter)).toEqual(names);
  });

  it('orders names by their full form, as Docker does', async () => {
    const [, , app] = await listImages(database.prisma);
    expect(app?.tags).toEqual(['short:latest', 'local/app:latest', 'reg:5000/demo/app:2']);
    expect(app?.digests).toHaveLength(3);
  });

  it('counts the files of the layers, and of a layer that is not analysed its stored bytes', async () => {
    const sizeOf = async (): Promise<number | undefined> =>
      (await listImages(database.prisma)).find(({ id }) => id === images.app?.id)?.sizeBytes;
    expect(await sizeOf()).toBe(1017);
    await database.prisma.$executeRaw`update blob set content_bytes = null where content_bytes = 1000`;
    expect(await sizeOf()).toBe(27);
    await database.prisma.$executeRaw`update blob set content_bytes = 1000 where content_bytes is null`;
  });

  it('takes the manifest pulled last for the size', async () => {
    await database.transaction(async (tx) => {
      await seedImage(tx, { layers: ['twice=40'] });
      const { id } = await seedImage(tx, { layers: ['twice=50'], compression: 'zstd' });
      images.twice = { id, manifest: id };
    });
    const twice = (await listImages(database.prisma)).find(({ id }) => id === images.twice?.id);
    expect(twice?.sizeBytes).toBe(50);
    await database.prisma.$executeRaw`delete from manifest where image_id = ${images.twice?.id}`;
    await database.prisma.$executeRaw`delete from image where id = ${images.twice?.id}`;
    delete images.twice;
  });

  it('measures each layer once, and what of an image others have too', async () => {
    const shared = await measureSharedBytes(database.prisma);
    const of = (name: string): number | undefined => shared.get(images[name]?.id as SeededImage['id']);
    expect([of('base'), of('app'), of('built'), of('amd64')]).toEqual([1010, 1010, 1003, undefined]);
    expect(await measureDiskUsage(database.prisma)).toMatchObject({
      images: 6,
      layersBytes: 1000 + 10 + 7 + 3 + 2 + 1 + 1,
    });
  });
});
