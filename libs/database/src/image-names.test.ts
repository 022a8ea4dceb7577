import { type Digest, digestHex, parsePlatform } from '@entrepot/oci';
import { createTestDatabase, type SeededImage, seedImage, seedIndex, type TestDatabase } from '@entrepot/testing';
import { type Database, findImage, findShownManifest, getImage, openDatabase } from './index.js';

describe('image names', () => {
  let source: TestDatabase;
  let database: Database;
  let app: SeededImage;
  let index: { digest: Digest; images: SeededImage[] };

  beforeAll(async () => {
    source = await createTestDatabase();
    database = openDatabase(source.url);
    await database.transaction(async (tx) => {
      app = await seedImage(tx, { layers: ['app'], names: ['demo/app:1', 'short:latest'] });
      index = await seedIndex(tx, {
        images: [{ layers: ['x'] }, { layers: ['y'], platform: 'linux/arm64' }],
        absent: ['linux/s390x'],
        names: ['multi:1'],
      });
    });
  });

  afterAll(async () => {
    await database.close();
    await source.drop();
  });

  const idOf = async (name: string): Promise<string | undefined> => (await findImage(database.prisma, name))?.imageId;

  it('finds an image by each of its names and by its id, in whole and in part', async () => {
    const hex = digestHex(app.id);
    const names = ['demo/app:1', 'docker.io/demo/app:1', 'short', 'docker.io/library/short', 'short:latest'];
    const digests = [`demo/app@${app.manifest}`, `demo/app:other@${app.manifest}`];
    for (const name of [...names, ...digests, app.id, hex, hex.slice(0, 12), `sha256:${hex.slice(0, 12)}`]) {
      expect([name, await idOf(name)]).toEqual([name, app.id]);
    }
  });

  it('takes the digest of a manifest or an index for an id too', async () => {
    expect(await idOf(app.manifest)).toBe(app.id);
    expect(await idOf(index.digest)).toBe(index.images[0]?.id);
  });

  it.each<[name: string, message: string]>([
    ['nope:1', 'nope:1'],
    ['abc', 'abc:latest'],
    ['docker.io/library/nope', 'nope:latest'],
    ['app', 'app:latest'],
    ['a'.repeat(64), `sha256:${'a'.repeat(64)}`],
    [`sha256:${'a'.repeat(64)}`, `sha256:${'a'.repeat(64)}`],
    [`other/app@sha256:${'a'.repeat(64)}`, `other/app@sha256:${'a'.repeat(64)}`],
  ])('does not find %s', async (name, image) => {
    await expect(getImage(database.prisma, name)).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND', image });
  });

  it('does not choose between ids that begin alike, and prefers a name to an id', async () => {
    await database.transaction(async (tx) => {
      for (let i = 0; i < 40; i++) await seedImage(tx, { layers: [`many${i}`] });
    });
    const ids = await database.prisma.$queryRaw<{ id: string }[]>`select id from image`;
    const digits = ids.map(({ id }) => id.charAt(7));
    const ambiguous = digits.find((digit, i) => digits.indexOf(digit) !== i) as string;
    expect(await idOf(ambiguous)).toBeUndefined();
    await database.transaction((tx) => seedImage(tx, { layers: ['app'], names: [`${ambiguous}:latest`] }));
    expect(await idOf(ambiguous)).toBe(app.id);
  });

  it.each([['Bad:Ref:X'], ['foo bar'], ['UPPER'], ['']])('refuses %p', async (name) => {
    await expect(findImage(database.prisma, name)).rejects.toMatchObject({ code: 'INVALID_REFERENCE' });
  });

  it('finds the image of a platform below an index', async () => {
    const find = (text: string): Promise<unknown> =>
      getImage(database.prisma, 'multi:1', parsePlatform(text)).then(({ imageId }) => imageId);
    expect(await find('linux/amd64')).toBe(index.images[0]?.id);
    expect(await find('linux/arm64/v8')).toBe(index.images[1]?.id);
    for (const absent of ['linux/s390x', 'linux/386', 'linux/arm/v7']) {
      await expect(find(absent)).rejects.toMatchObject({ code: 'PLATFORM_NOT_FOUND', image: 'multi:1' });
    }
    await expect(getImage(database.prisma, app.id, parsePlatform('linux/arm64'))).rejects.toMatchObject({
      code: 'PLATFORM_NOT_FOUND',
      actual: { os: 'linux', architecture: 'amd64' },
    });
  });

  it('knows which manifest a new name is to show', async () => {
    const arm = await getImage(database.prisma, 'multi:1', parsePlatform('linux/arm64'));
    expect(arm.targetDigest).toBe(index.digest);
    expect(await findShownManifest(database.prisma, arm)).toBe(index.images[1]?.manifest);
  });
});
