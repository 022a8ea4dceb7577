import { type Database, type NewEvent, openDatabase, type Tx } from '@entrepot/database';
import { chainIds, type Digest, digestOf } from '@entrepot/oci';
import { createTestDatabase, seedImage, type TestDatabase } from '@entrepot/testing';
import { PruneRunningError, pruneImages } from './prune-images.js';
import type { ReleaseLine } from './release-plan.js';

describe('prune', () => {
  let source: TestDatabase;
  let database: Database;

  beforeAll(async () => {
    source = await createTestDatabase();
    database = openDatabase(source.url);
  });

  beforeEach(async () => {
    await database.prisma.$executeRaw`truncate repository, image, manifest, blob, event, tag_event cascade`;
  });

  afterAll(async () => {
    await database.close();
    await source.drop();
  });

  const seed = <T>(fn: (tx: Tx) => Promise<T>): Promise<T> => database.transaction(fn);
  const chains = (...layers: string[]): Digest[] =>
    chainIds(layers.map((name) => digestOf(Buffer.from(`layer ${name}`)))).reverse();
  const untagged = (...names: string[]): ReleaseLine[] => names.map((name) => ({ untagged: name }));
  const deleted = (...digests: Digest[]): ReleaseLine[] => digests.map((digest) => ({ deleted: digest }));
  const count = async (table: string): Promise<number> => {
    const [row] = await database.prisma.$queryRawUnsafe<{ n: number }[]>(`select count(*)::int as n from ${table}`);
    return row?.n ?? -1;
  };
  const events = (): Promise<NewEvent[]> =>
    database.prisma.$queryRaw`select type, action, actor_id as "actorId", attributes from event order by id`;

  it('takes what has no tag and no child, with the parents that are left alone', async () => {
    const dangling = await seed(async (tx) => {
      await seedImage(tx, { layers: ['os', 'kept'], names: ['kept:1'] });
      const step = await seedImage(tx, { layers: ['os', 's=3'], isLoaded: true });
      const built = await seedImage(tx, { layers: ['os', 's=3', 't=4'], parent: step.id, isLoaded: true });
      const byDigest = await seedImage(tx, {
        layers: ['d=5'],
        names: ['digest/only'],
        created: '2023-01-01T00:00:00Z',
      });
      return { step, built, byDigest };
    });
    const [top, middle] = chains('os', 's', 't') as [Digest, Digest];
    const report = await pruneImages({ database }, { dangling: true });
    expect(report).toEqual({
      ...{ freedBlobs: 6, freedBytes: 60 },
      lines: [
        ...deleted(dangling.built.id, top, dangling.step.id, middle),
        ...untagged(`digest/only@${dangling.byDigest.manifest}`),
        ...deleted(dangling.byDigest.id, ...chains('d')),
      ],
      releasedBytes: 12,
    });
    expect(await count('image')).toBe(1);
    expect((await events()).at(-1)).toEqual({
      ...{ type: 'image', action: 'prune', actorId: '', attributes: { reclaimed: '12' } },
    });
  });

  it('takes everything with --all, names first', async () => {
    const { id, manifest } = await seed((tx) => seedImage(tx, { layers: ['a'], names: ['one:1', 'two:1', 'two:2'] }));
    const { lines } = await pruneImages({ database }, { dangling: false });
    expect(lines).toEqual([
      ...untagged('one:1', `one@${manifest}`, 'two:1', 'two:2', `two@${manifest}`),
      ...deleted(id, ...chains('a')),
    ]);
  });

  it('keeps to its filters', async () => {
    await seed(async (tx) => {
      await seedImage(tx, { layers: ['a'], created: '2024-01-01T00:00:00Z', labels: { tier: 'app', keep: '1' } });
      await seedImage(tx, { layers: ['b'], created: '2024-01-03T00:00:00Z', labels: { tier: 'app' } });
      await seedImage(tx, { layers: ['c'], created: '2024-01-03T00:00:00Z' });
    });
    const left = async (filter: object): Promise<number> => {
      await pruneImages({ database }, { dangling: true, ...filter });
      return count('image');
    };
    expect(await left({ untilSeconds: Date.UTC(2023, 0, 1) / 1000 })).toBe(3);
    expect(await left({ labels: [{ key: 'tier', value: 'other' }] })).toBe(3);
    expect(await left({ labels: [{ key: 'tier' }], notLabels: [{ key: 'keep' }] })).toBe(2);
    expect(await left({ notLabels: [{ key: 'keep', value: '1' }, { key: 'tier' }] })).toBe(1);
    expect(await left({ untilSeconds: Date.UTC(2024, 0, 1) / 1000 })).toBe(0);
  });

  it('goes on once at a time', async () => {
    await database.transaction(async (tx) => {
      await tx.$queryRaw`select pg_advisory_xact_lock(hashtextextended('entrepot image prune', 0))::text`;
      await expect(pruneImages({ database }, { dangling: true })).rejects.toThrow(PruneRunningError);
    });
  });
});
