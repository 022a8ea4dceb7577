// Who gets what, counted at the registry; nothing here depends on how fast this machine is.
import { cancelBatch, getPull, startPull } from '@entrepot/content';
import { findBatch, listBatchItems } from '@entrepot/database';
import { resolvePull } from '@entrepot/jobs';
import {
  type BuiltImage,
  buildImage,
  createTestDatabase,
  deterministicBytes,
  startUpstream,
  type UpstreamRegistry,
} from '@entrepot/testing';
import { openPullers, type PullerFixture } from './puller-fixture.js';

describe('people and batches', () => {
  let upstream: UpstreamRegistry;
  let fixture: PullerFixture;

  beforeEach(async () => {
    upstream = await startUpstream();
    fixture = await openPullers(await createTestDatabase());
  });

  afterEach(async () => {
    await fixture.close();
    await upstream.close();
  }, 120_000);

  const put = async (
    name: string,
    ...layers: [name: string, bytes: number][]
  ): Promise<{ reference: string; image: BuiltImage }> => {
    const recipe = layers.map(([layer, bytes]) => [{ name: layer, content: deterministicBytes(bytes, layer) }]);
    const image = await buildImage({ layers: recipe, config: { Labels: { name } } });
    upstream.putImage(name, image, '1');
    return { reference: `${upstream.host}/${name}:1`, image };
  };

  const until = async <T>(look: () => Promise<T | null | undefined | false>): Promise<T> => {
    for (let round = 0; round < 3_000; round++) {
      const found = await look();
      if (found != null && found !== false) return found;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error('it did not happen');
  };
  const database = () => fixture.content.database.prisma;
  const running = (digest?: string) =>
    database().blobFetch.findMany({ where: { state: 'running', bytesDone: { gt: 0 }, ...(digest ? { digest } : {}) } });
  const isLarge = { sizeBytes: { gt: 1_000_000 } };

  it('share the transfers: a pull goes first through a full house, and the batch still moves', async () => {
    const { parts } = await fixture.startPuller();
    const batch = [];
    for (let index = 0; index < 8; index++) batch.push(await put(`big-${index}`, [`big-${index}`, 3_000_000]));
    for (const { image } of batch)
      upstream.faults.add({ on: 'blob', reference: image.layers[0]?.descriptor.digest }, { bytesPerSecond: 150_000 });
    const small = await put('small', ['one', 50_000], ['two', 50_000], ['three', 50_000]);
    const id = await fixture.createBatch(batch.map(({ reference }) => reference));
    await until(async () => (await database().blobFetch.count({ where: { state: 'running', ...isLarge } })) === 4);
    const { pullId } = await startPull(fixture.content, {
      reference: small.reference,
      platform: null,
      kind: 'interactive',
    });
    await parts.queue.enqueue(resolvePull, { pullId });
    await until(async () => (await getPull(fixture.content, pullId)).state === 'done');
    expect((await findBatch(database(), id))?.counts.done).toBe(0);
    const lines = await database().pullEvent.findMany({ where: { line: { contains: 'gives way' } } });
    expect(lines.length).toBeGreaterThan(0);
    // Of four transfers one stayed with the batch all the time, and what the others had brought is kept.
    expect(lines.length).toBeLessThanOrEqual(3);
    upstream.faults.clear();
    expect((await fixture.waitFor(id, 'done')).counts.done).toBe(8);
    const ranges = upstream.requests.filter(({ headers }) => headers.range !== undefined).length;
    expect(ranges).toBeGreaterThan(0);
  }, 120_000);

  it('do not meet on the processors: while a pull is young each puller does one thing for batches', async () => {
    let most = 0;
    let open = 0;
    const counted = await startUpstream({
      intercept: ({ url = '' }, response) => {
        if (!url.includes('/blobs/')) return false;
        most = Math.max(most, ++open);
        response.once('close', () => {
          open -= 1;
        });
        return false;
      },
    });
    try {
      const references = [];
      for (let index = 0; index < 6; index++) {
        const { image } = await put(`busy-${index}`, [`busy-${index}`, 20_000]);
        counted.putImage(`busy-${index}`, image, '1');
        references.push(`${counted.host}/busy-${index}:1`);
      }
      counted.faults.add({ on: 'blob' }, { delayMs: 30 });
      // Somebody's pull that stays young.
      const pull = { reference: 'docker.io/library/young:1', kind: 'interactive', credentialKey: '' };
      await database().pull.create({
        data: { ...pull, state: 'fetching', createdAt: new Date(Date.now() + 3_600_000) },
      });
      await fixture.startPuller();
      const id = await fixture.createBatch(references);
      expect((await fixture.waitFor(id, 'done')).counts.done).toBe(6);
      expect(most).toBe(1);
    } finally {
      await counted.close();
    }
  }, 120_000);

  it('do not wait twice: what a batch is fetching and somebody wants is not interrupted any more', async () => {
    const { parts } = await fixture.startPuller();
    const wanted = await put('wanted', ['wanted', 2_000_000]);
    const others = [];
    for (let index = 0; index < 3; index++) others.push(await put(`other-${index}`, [`other-${index}`, 2_000_000]));
    upstream.faults.add({ on: 'blob' }, { bytesPerSecond: 150_000 });
    await fixture.createBatch([wanted, ...others].map(({ reference }) => reference));
    const layer = wanted.image.layers[0]?.descriptor.digest ?? '';
    await until(async () => (await running(layer)).length === 1);
    const asked = { reference: wanted.reference, platform: null, kind: 'interactive' as const };
    const { created } = await startPull(fixture.content, asked);
    expect(created).toBe(false);
    const urgent = await put('urgent', ['u-1', 40_000], ['u-2', 40_000], ['u-3', 40_000]);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const { pullId } = await startPull(fixture.content, { ...asked, reference: urgent.reference });
    await parts.queue.enqueue(resolvePull, { pullId });
    await until(async () => (await database().pullEvent.count({ where: { line: { contains: 'gives way' } } })) > 0);
    const given = await database().pullEvent.findMany({ where: { line: { contains: 'gives way' } } });
    expect(given.filter(({ line }) => line.includes(layer.slice(7, 19)))).toEqual([]);
  }, 120_000);

  it('see each byte fetched once, whatever many images want it', async () => {
    await Promise.all([fixture.startPuller(), fixture.startPuller()]);
    const images = [];
    for (let index = 0; index < 50; index++)
      images.push(await put(`app-${index}`, ['the-base', 2_000_000], [`app-${index}`, 2_000]));
    const { counts } = await fixture.waitFor(
      await fixture.createBatch(images.map(({ reference }) => reference)),
      'done',
    );
    expect(counts.done).toBe(50);
    const gets = upstream.requests.filter(({ kind, method }) => kind === 'blob' && method === 'GET');
    expect(new Set(gets.map(({ reference }) => reference)).size).toBe(gets.length);
  }, 120_000);

  it('share evenly between owners, however long their backlogs are', async () => {
    await fixture.startPuller();
    const make = async (owner: string, count: number): Promise<string[]> => {
      const references = [];
      for (let index = 0; index < count; index++) {
        references.push((await put(`${owner}-${index}`, [`${owner}-${index}`, 100_000])).reference);
      }
      return references;
    };
    const [many, few] = [await make('many', 100), await make('few', 10)];
    upstream.faults.add({ on: 'blob' }, { delayMs: 20 });
    const large = await fixture.createBatch(many, { owner: 'many' });
    await until(async () => ((await findBatch(database(), large))?.counts.done ?? 0) >= 5);
    const before = (await findBatch(database(), large))?.counts.done ?? 0;
    const small = await fixture.createBatch(few, { owner: 'few' });
    await fixture.waitFor(small, 'done');
    const after = await findBatch(database(), large);
    const share = (after?.counts.done ?? 0) - before;
    // What was started before the other came, and what is started ahead, is at most two transfers for each of four slots.
    expect(share).toBeLessThanOrEqual(10 + 8 + 8);
    await cancelBatch(fixture.content, large);
  }, 120_000);

  it('stop a transfer when the last who waits has gone, not before', async () => {
    await Promise.all([fixture.startPuller(), fixture.startPuller()]);
    const { reference, image } = await put('shared', ['shared', 3_000_000]);
    upstream.faults.add({ on: 'blob' }, { bytesPerSecond: 200_000 });
    const [one, two] = [await fixture.createBatch([reference]), await fixture.createBatch([reference], { owner: 'b' })];
    const layer = image.layers[0]?.descriptor.digest ?? '';
    await until(async () => (await running(layer)).length === 1);
    const runs = async (batchId: string) =>
      (await listBatchItems(database(), batchId, { limit: 1 }))[0]?.state === 'running';
    await until(async () => (await runs(one)) && (await runs(two)));
    await cancelBatch(fixture.content, one);
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(await running(layer)).toHaveLength(1);
    await cancelBatch(fixture.content, two);
    const cancelledAtMs = performance.now();
    await until(async () => (await running(layer)).length === 0);
    expect(performance.now() - cancelledAtMs).toBeLessThan(1_500);
  }, 120_000);
});
