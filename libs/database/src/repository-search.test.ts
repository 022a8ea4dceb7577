import { createTestDatabase, seedImage, type TestDatabase } from '@entrepot/testing';
import { type Database, openDatabase, searchRepositories } from './index.js';

describe('search of repositories', () => {
  let source: TestDatabase;
  let database: Database;

  beforeAll(async () => {
    source = await createTestDatabase();
    database = openDatabase(source.url);
    await database.transaction(async (tx) => {
      const label = (description: string) => ({ 'org.opencontainers.image.description': description });
      await seedImage(tx, { layers: ['a=1'], names: ['redis:7', 'redis:8'], labels: label('The store') });
      await seedImage(tx, { layers: ['b=1'], names: ['bitnami/redis:1', 'redis/insight:1', 'my/redis-proxy:1'] });
      await seedImage(tx, { layers: ['c=1'], names: ['quay.io/x/weird-redis:1'] });
      await seedImage(tx, {
        layers: ['d=1'],
        names: ['team/cache:1'],
        labels: label('Ein Zwischenspeicher: redis/Größe'),
      });
      await seedImage(tx, { layers: ['e=1'], names: ['team/redo:1'], labels: { maintainer: 'redistribution@x.test' } });
      await seedImage(tx, { layers: ['f=1'], names: ['no/tag'] });
    });
    await database.prisma.$executeRaw`delete from tag where name = '8'`;
  });

  afterAll(async () => {
    await database.close();
    await source.drop();
  });

  const names = async (term: string, limit = 25, isOfficial?: boolean): Promise<string[]> =>
    (await searchRepositories(database.prisma, { term, limit, isOfficial })).map(({ familiar }) => familiar);

  it('finds the very name first, then beginnings, then parts, then words and beginnings of words of labels', async () => {
    const all = [
      ...[
        'redis',
        'bitnami/redis',
        'my/redis-proxy',
        'redis/insight',
        'quay.io/x/weird-redis',
        'team/cache',
        'team/redo',
      ],
    ];
    expect(await names('redis')).toEqual(all);
    expect(await names('REDIS', 3)).toEqual(all.slice(0, 3));
  });

  it('finds words at marks of any kind, in any language', async () => {
    expect(await names('größe')).toEqual(['team/cache']);
    expect(await names('zwischenspeicher redis')).toEqual(['team/cache']);
    expect(await names('image description store')).toEqual(['redis']);
  });

  it('takes marks of patterns and of queries as they are', async () => {
    for (const term of ['%', '_', '\\', "'", "it's", '&|!', ':*', '(((', 'a'.repeat(500)]) {
      expect([term, await names(term)]).toEqual([term, []]);
    }
  });

  it('tells what the newest image says and how many tags there are', async () => {
    const [first] = await searchRepositories(database.prisma, { term: 'redis', limit: 1 });
    expect(first).toEqual({
      ...{ name: 'docker.io/library/redis', familiar: 'redis', tags: 1, description: 'The store', isPulled: true },
    });
    expect(await names('redis', 25, true)).toEqual(['redis']);
    expect(await names('no')).toEqual([]);
  });
});
