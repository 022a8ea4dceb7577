import { createTestDatabase, seedImage, type TestDatabase } from '@entrepot/testing';
import { type Database, InvalidPatternError, listImages, openDatabase, parseReferencePattern } from './index.js';

const names = [
  'redis:7',
  'redis:7-small',
  'redis-ha:1',
  'team/app:1',
  'team/app:2',
  'registry.example:5000/team/app:1',
  'registry.example:5000/team/app.v2:latest',
];

describe('reference filter', () => {
  let source: TestDatabase;
  let database: Database;

  beforeAll(async () => {
    source = await createTestDatabase();
    database = openDatabase(source.url);
    await database.transaction((tx) => seedImage(tx, { names }));
  });

  afterAll(async () => {
    await database.close();
    await source.drop();
  });

  const match = async (...globs: string[]): Promise<{ tags: string[]; digests: string[] }> => {
    const [image] = await listImages(database.prisma, { references: globs.map(parseReferencePattern) });
    const digests = (image?.digests ?? []).map((text) => text.split('@')[0] as string);
    return { tags: image?.tags ?? [], digests };
  };

  it.each<[glob: string, tags: string[], digests: string[]]>([
    ['redis', ['redis:7', 'redis:7-small'], ['redis']],
    ['redis:7', ['redis:7'], []],
    ['redis*', ['redis-ha:1', 'redis:7', 'redis:7-small'], ['redis-ha', 'redis']],
    ['redis?7', ['redis:7'], []],
    ['red[h-j]s:*', ['redis:7', 'redis:7-small'], []],
    ['red[^a-c]s:7', ['redis:7'], []],
    ['*:7', ['redis:7'], []],
    ['*7-small', ['redis:7-small'], []],
    ['app', [], []],
    ['*/app', ['team/app:1', 'team/app:2'], ['team/app']],
    ['team/*', ['team/app:1', 'team/app:2'], ['team/app']],
    ['*/*/*:1', ['registry.example:5000/team/app:1'], []],
    ['registry.example:5000/team/app', ['registry.example:5000/team/app:1'], ['registry.example:5000/team/app']],
    ['registry.example:5000/team/app:1', ['registry.example:5000/team/app:1'], []],
    [
      'registry.example:5*/*/app.v2',
      ['registry.example:5000/team/app.v2:latest'],
      ['registry.example:5000/team/app.v2'],
    ],
    ['registry.example:5000/team/appXv2', [], []],
    ['redi\\s', ['redis:7', 'redis:7-small'], ['redis']],
    ['redi_', [], []],
    ['redis%', [], []],
    ['redis@sha256:*', [], ['redis']],
    ['redis@sha256*[0-9a-f]', [], ['redis']],
    ['*', ['redis-ha:1', 'redis:7', 'redis:7-small'], ['redis-ha', 'redis']],
    ['[z-a]*', [], []],
  ])('%s', async (glob, tags, digests) => {
    expect(await match(glob)).toEqual({ tags, digests });
  });

  it('takes what any of several globs matches, once', async () => {
    expect(await match('redis:7', 'team/app:2', 'redis:*')).toEqual({
      tags: ['redis:7', 'redis:7-small', 'team/app:2'],
      digests: [],
    });
  });

  it.each(['[', '[bad', 'a[', '[]', '[^]', '[a-', '[a-]', '[-a]', 'a\\'])('refuses %s in Docker’s words', (glob) => {
    expect(() => parseReferencePattern(glob)).toThrow(InvalidPatternError);
    expect(() => parseReferencePattern(glob)).toThrow('syntax error in pattern');
  });
});
