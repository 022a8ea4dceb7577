// Scripted races, numbered as in the table of the design. Each step of one side happens at a known point of the other:
// a transaction that is paused keeps its locks, and "blocked" means that PostgreSQL says so.
import type { Digest } from '@entrepot/oci';
import {
  type BuiltImage,
  buildImage,
  bytesOf,
  type ContentLab,
  checkInvariants,
  openContentLab,
  pauseBefore,
  planOf,
  pullImage,
  waitForBlocked,
} from '@entrepot/testing';
import { storeBytes } from './admit.js';
import { collectOnce, reviewBlobs } from './collect.js';
import type { ContentContext } from './context.js';
import { releaseLeases } from './leasing.js';
import { publishPull } from './publish-pull.js';
import { savePlan, startPull } from './pulling.js';
import { readBlob } from './read-blob.js';
import { removeImage } from './release.js';

const now = { collectAfterMs: 0 };

describe('publication against removal and collection', () => {
  let lab: ContentLab;
  let client: ContentContext;
  let collector: ContentContext;
  let image: BuiltImage;
  let layer: Digest;
  let serial = 0;

  beforeAll(async () => {
    lab = await openContentLab();
    client = lab.context;
    collector = lab.connect();
  });
  beforeEach(async () => {
    image = await buildImage({ layers: [[{ name: 'serial', content: String(serial++) }]] });
    layer = image.layers[0]?.descriptor.digest as Digest;
  });
  afterEach(async () => {
    await collectOnce(client, now);
    expect(await checkInvariants(lab.context.database, lab.context.store, { hashes: true })).toEqual([]);
  });
  afterAll(() => lab.close());

  /** The image's blobs are stored, and nothing keeps them. */
  async function storeLoose(): Promise<void> {
    for (const { bytes } of image.blobs) await storeBytes(client, Buffer.from(bytes), { owner: 'loose' });
    await releaseLeases(client, 'loose');
  }

  async function newPull(tag: string): Promise<string> {
    const reference = `docker.io/library/race:${tag}`;
    return (await startPull(client, { reference, platform: null, kind: 'batch' })).pullId;
  }

  const pausedCollector = (point: 'commit' | RegExp) => {
    const paused = pauseBefore(collector.database, point);
    return { ...paused, context: { ...collector, database: paused.database } };
  };
  const pausedClient = (point: 'commit' | RegExp) => {
    const paused = pauseBefore(client.database, point);
    return { ...paused, context: { ...client, database: paused.database } };
  };

  it('9: the last name goes while the collector decides that the blob is still used', async () => {
    await pullImage(client, image, { reference: 'docker.io/library/race:9' });
    const paused = pausedCollector('commit');
    const review = reviewBlobs(paused.context, now);
    await paused.reached;
    const removal = removeImage(client, 'race:9', { force: true });
    await waitForBlocked(client.database);
    paused.resume();
    expect(await review).toMatchObject({ released: 0 });
    await removal;
    expect(await collectOnce(collector, now)).toMatchObject({ released: 2 });
  });

  it('9: the collector passes over what a removal has begun to release', async () => {
    await pullImage(client, image, { reference: 'docker.io/library/race:9' });
    const paused = pausedClient('commit');
    const removal = removeImage(paused.context, 'race:9', { force: true });
    await paused.reached;
    expect(await reviewBlobs(collector, now)).toMatchObject({ released: 0 });
    paused.resume();
    await removal;
    expect(await collectOnce(collector, now)).toMatchObject({ released: 2 });
  });

  describe('10: an image gets a name while it is removed', () => {
    it('is published anew when the removal was first', async () => {
      await pullImage(client, image, { reference: 'docker.io/library/race:10' });
      const pullId = await newPull('10new');
      await savePlan(client, pullId, planOf(image));
      const paused = pausedClient('commit');
      const removal = removeImage(paused.context, 'race:10', { force: true });
      await paused.reached;
      const publishing = publishPull(collector, pullId);
      await waitForBlocked(client.database);
      paused.resume();
      await removal;
      expect(await publishing).toMatchObject({ state: 'done', outcome: 'downloaded' });
      await collectOnce(collector, now);
      expect(await client.database.prisma.tag.findMany({ where: { imageId: image.config.digest } })).toMatchObject([
        { name: '10new' },
      ]);
      expect(await readBlob(client, layer, 1_000_000)).toEqual(bytesOf(image, layer));
    });

    it('loses only the name that was asked for when the publication was first', async () => {
      await pullImage(client, image, { reference: 'docker.io/library/race:11' });
      const pullId = await newPull('11new');
      await savePlan(client, pullId, planOf(image));
      const paused = pausedClient('commit');
      const publishing = publishPull(paused.context, pullId);
      await paused.reached;
      const removal = removeImage(collector, 'race:11');
      await waitForBlocked(client.database);
      paused.resume();
      expect(await publishing).toMatchObject({ state: 'done' });
      expect((await removal).lines.some((line) => 'Deleted' in line)).toBe(false);
      await collectOnce(collector, now);
      expect(await readBlob(client, layer, 1_000_000)).toEqual(bytesOf(image, layer));
    });
  });

  it('13: one image published under two tags at once is there once, with both', async () => {
    await storeLoose();
    const pulls = [await newPull('13a'), await newPull('13b')];
    for (const pullId of pulls) await savePlan(client, pullId, planOf(image));
    const [first = '', second = ''] = pulls;
    const paused = pauseBefore(client.database, /insert into tag /);
    const publishing = publishPull({ ...client, database: paused.database }, first);
    await paused.reached;
    const other = publishPull(collector, second);
    await waitForBlocked(client.database);
    paused.resume();
    expect([await publishing, await other]).toMatchObject([{ outcome: 'downloaded' }, { outcome: 'downloaded' }]);
    expect(await client.database.prisma.tag.count({ where: { targetDigest: image.digest } })).toBe(2);
    expect(await client.database.prisma.manifest.count({ where: { digest: image.digest } })).toBe(1);
  });
});
