import { type Database, findImage, type NewEvent, openDatabase, type Tx } from '@entrepot/database';
import { chainIds, type Digest, digestHex, digestOf, parsePlatform, parseReference, shortDigest } from '@entrepot/oci';
import { createTestDatabase, type SeededImage, seedImage, seedIndex, type TestDatabase } from '@entrepot/testing';
import { type RemoveOptions, removeImage, tagImage } from './release.js';
import type { ReleaseLine } from './release-plan.js';

describe('release', () => {
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
  const remove = async (name: string, options?: RemoveOptions): Promise<ReleaseLine[]> =>
    (await removeImage({ database }, name, options)).lines;
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

  describe('by name', () => {
    it('takes one of several tags away and nothing else', async () => {
      await seed((tx) => seedImage(tx, { names: ['demo/app:1', 'demo/app:2'] }));
      expect(await remove('demo/app:1')).toEqual(untagged('demo/app:1'));
      expect(await findImage(database.prisma, 'demo/app:2')).not.toBeNull();
    });

    it('deletes the image with its last tag: its digests, its id, its layers from the top', async () => {
      const { id, manifest } = await seed((tx) => seedImage(tx, { layers: ['a', 'b'], names: ['demo/app:1'] }));
      expect(await remove('demo/app:1')).toEqual([
        ...untagged('demo/app:1', `demo/app@${manifest}`),
        ...deleted(id, ...chains('a', 'b')),
      ]);
      for (const table of ['image', 'manifest', 'manifest_blob', 'tag', 'repository_manifest']) {
        expect([table, await count(table)]).toEqual([table, 0]);
      }
      expect(await count('blob_review')).toBe(await count('blob'));
    });

    it('leaves layers alone that another image has at the same place, and only there', async () => {
      const { id, manifest } = await seed(async (tx) => {
        await seedImage(tx, { layers: ['os', 'other', 'app'], names: ['demo/other:1'] });
        return seedImage(tx, { layers: ['os', 'tool', 'app'], names: ['demo/app:1'] });
      });
      expect(await remove('demo/app:1')).toEqual([
        ...untagged('demo/app:1', `demo/app@${manifest}`),
        ...deleted(id, ...chains('os', 'tool', 'app').slice(0, 2)),
      ]);
    });

    it('takes the digests of a repository away with its last tag there, while others remain', async () => {
      const { manifest } = await seed((tx) => seedImage(tx, { names: ['demo/app:1', 'mixed/x:1'] }));
      expect(await remove('demo/app:1')).toEqual(untagged('demo/app:1', `demo/app@${manifest}`));
      expect(await count('image')).toBe(1);
    });

    it('takes a digest away and leaves the tags', async () => {
      const { manifest } = await seed((tx) => seedImage(tx, { names: ['demo/app:1'] }));
      expect(await remove(`demo/app@${manifest}`)).toEqual(untagged(`demo/app@${manifest}`));
      expect(await findImage(database.prisma, 'demo/app:1')).not.toBeNull();
    });

    it('keeps an image that others were built on, without a word', async () => {
      const base = await seed(async (tx) => {
        const image = await seedImage(tx, { layers: ['a'], names: ['base:1'], isLoaded: true });
        await seedImage(tx, { layers: ['a', 'b'], parent: image.id, names: ['child:1'] });
        return image;
      });
      expect(await remove('base:1')).toEqual(untagged('base:1'));
      expect(await findImage(database.prisma, base.id)).not.toBeNull();
    });

    it('takes untagged parents along, unless it is told not to', async () => {
      for (const prune of [true, false]) {
        const [step, image] = await seed(async (tx) => {
          const parent = await seedImage(tx, { layers: ['s'], isLoaded: true });
          const names = ['built:1'];
          return [
            parent,
            await seedImage(tx, { layers: ['s', 't'], parent: parent.id, names, isLoaded: true }),
          ] as const;
        });
        const [top, bottom] = chains('s', 't') as [Digest, Digest];
        const parentLines = prune ? deleted(step.id, bottom) : [];
        expect(await remove('built:1', { prune })).toEqual([
          ...untagged('built:1'),
          ...deleted(image.id, top),
          ...parentLines,
        ]);
      }
    });

    it('says what is not there', async () => {
      await expect(remove('nope:1', { force: true })).rejects.toMatchObject({ image: 'nope:1' });
    });
  });

  describe('by id', () => {
    it('takes the only name along', async () => {
      const { id, manifest } = await seed((tx) => seedImage(tx, { layers: ['a'], names: ['demo/app:1'] }));
      expect(await remove(shortDigest(id))).toEqual([
        ...untagged('demo/app:1', `demo/app@${manifest}`),
        ...deleted(id, ...chains('a')),
      ]);
    });

    it.each([[['demo/app:1', 'demo/app:2']], [['demo/app:1', 'local/app:1']]])('refuses for %p', async (names) => {
      const { id } = await seed((tx) => seedImage(tx, { names }));
      for (const name of [id, digestHex(id), shortDigest(id)]) {
        await expect(remove(name)).rejects.toThrow(
          `conflict: unable to delete ${shortDigest(id)} (must be forced) - image is referenced in multiple repositories`,
        );
      }
      expect(await count('tag')).toBe(2);
    });

    it('takes everything when forced, in the order of the full names', async () => {
      const names = ['reg:5000/demo/app:2', 'short:latest', 'local/app:latest', 'reg:5000/demo/app:latest'];
      const { id, manifest } = await seed((tx) => seedImage(tx, { layers: ['a'], names }));
      expect(await remove(shortDigest(id), { force: true })).toEqual([
        ...untagged('short:latest', `short@${manifest}`, 'local/app:latest', `local/app@${manifest}`),
        ...untagged('reg:5000/demo/app:2', 'reg:5000/demo/app:latest', `reg:5000/demo/app@${manifest}`),
        ...deleted(id, ...chains('a')),
      ]);
    });

    it('never takes an image that others were built on', async () => {
      const { id } = await seed(async (tx) => {
        const parent = await seedImage(tx, { layers: ['s'], names: ['base:1'] });
        await seedImage(tx, { layers: ['s', 't'], parent: parent.id });
        return parent;
      });
      const message = `conflict: unable to delete ${shortDigest(id)} (cannot be forced) - image has dependent child images`;
      for (const force of [false, true]) {
        await expect(remove(id, { force })).rejects.toThrow(message);
      }
      expect(await count('tag')).toBe(1);
    });
  });

  describe('of an index', () => {
    const two = [{ layers: ['x'] }, { layers: ['y'], platform: 'linux/arm64' }];
    const seedBoth = () =>
      seed((tx) => seedIndex(tx, { images: two, absent: ['linux/arm'], names: ['multi:1'], hasAttestation: true }));
    const one = async (name: string): Promise<SeededImage['id'] | undefined> =>
      (await findImage(database.prisma, name))?.imageId;

    it('keeps index and attestation until its last image goes', async () => {
      const { digest, images } = await seedBoth();
      const [amd64, arm64] = images as [SeededImage, SeededImage];
      expect(await remove('multi:1')).toEqual([
        ...untagged('multi:1', `multi@${digest}`),
        ...deleted(amd64.id, ...chains('x')),
      ]);
      expect(await count('manifest')).toBe(3);
      expect(await remove(arm64.id)).toEqual([...untagged(`multi@${digest}`), ...deleted(arm64.id, ...chains('y'))]);
      expect(await count('manifest')).toBe(0);
    });

    it('takes one platform away and shows another one under the name', async () => {
      const { images } = await seedBoth();
      const [amd64, arm64] = images as [SeededImage, SeededImage];
      const platforms = [parsePlatform('linux/amd64')];
      expect(await remove('multi:1', { platforms })).toEqual(deleted(amd64.id, ...chains('x')));
      expect(await one('multi:1')).toBe(arm64.id);
      await expect(remove('multi:1', { platforms })).rejects.toMatchObject({
        code: 'PLATFORM_NOT_FOUND',
      });
      await remove('multi:1', { platforms: [parsePlatform('linux/arm64')] });
      expect([await count('image'), await count('manifest'), await count('tag')]).toEqual([0, 0, 0]);
    });

    it('takes a platform away that is not shown', async () => {
      const { images } = await seedBoth();
      const [amd64, arm64] = images as [SeededImage, SeededImage];
      const platforms = [parsePlatform('linux/arm64')];
      expect(await remove('multi:1', { platforms })).toEqual(deleted(arm64.id, ...chains('y')));
      expect(await one('multi:1')).toBe(amd64.id);
    });
  });

  describe('tagging', () => {
    const target = parseReference('local/new:1');

    it('gives another name to whatever is named, and tells it', async () => {
      const { id } = await seed((tx) => seedImage(tx, { names: ['demo/app:1'], labels: { tier: 'app' } }));
      await tagImage({ database }, { source: shortDigest(id), target });
      expect((await findImage(database.prisma, 'local/new:1'))?.imageId).toBe(id);
      expect(await events()).toEqual([
        { type: 'image', action: 'tag', actorId: id, attributes: { tier: 'app', name: 'local/new:1' } },
      ]);
    });

    it('moves a tag and leaves the other image untagged', async () => {
      const [old, fresh] = await seed(async (tx) => [
        await seedImage(tx, { layers: ['a'], names: ['local/new:1'], isLoaded: true }),
        await seedImage(tx, { layers: ['b'], names: ['demo/app:1'] }),
      ]);
      await tagImage({ database }, { source: 'demo/app:1', target });
      expect((await findImage(database.prisma, 'local/new:1'))?.imageId).toBe(fresh?.id);
      expect(await findImage(database.prisma, old?.id as Digest)).not.toBeNull();
    });

    it('keeps what the name stood for', async () => {
      const { digest } = await seed((tx) =>
        seedIndex(tx, { images: [{}], absent: ['linux/arm64'], names: ['multi:1'] }),
      );
      await tagImage({ database }, { source: 'multi:1', target });
      expect((await findImage(database.prisma, 'local/new:1'))?.targetDigest).toBe(digest);
    });

    it('never loses against a removal: the new name holds, or the image is gone', async () => {
      for (let round = 0; round < 10; round++) {
        const { id } = await seed((tx) => seedImage(tx, { layers: [`r${round}`], names: ['race:1'], isLoaded: true }));
        const [tagged] = await Promise.allSettled([
          tagImage({ database }, { source: id, target: parseReference(`kept:${round}`) }),
          remove('race:1'),
        ]);
        const found = await findImage(database.prisma, `kept:${round}`);
        expect(found?.imageId).toBe(tagged.status === 'fulfilled' ? id : undefined);
        if (tagged.status === 'rejected') expect(tagged.reason).toMatchObject({ code: 'IMAGE_NOT_FOUND' });
      }
    });
  });

  it('never loses against a publication: what is published last is there with all its parts', async () => {
    const recipe = {
      images: [{ layers: ['p', 'q'] }],
      absent: ['linux/arm64'],
      names: ['race:1'],
      hasAttestation: true,
    };
    const before = await seed((tx) => seedIndex(tx, recipe));
    for (let round = 0; round < 15; round++) {
      const [published] = await Promise.allSettled([
        seed((tx) => seedIndex(tx, recipe)),
        remove(before.images[0]?.id as Digest, { force: true }),
      ]);
      expect(published.status).toBe('fulfilled');
      const parts = [await count('image'), await count('manifest'), await count('manifest_blob'), await count('tag')];
      if (parts[0] === 0) expect(parts).toEqual([0, 0, 0, 0]);
      else expect(parts).toEqual([1, 3, 3, 1]);
      await seed((tx) => seedIndex(tx, recipe));
    }
  });
});
