import { cancelBatch, pauseBatch, resumeBatch, retryBatch } from '@entrepot/content';
import { listBatchItems, listImages } from '@entrepot/database';
import { planBatch } from '@entrepot/jobs';
import {
  type BuiltImage,
  buildImage,
  createTestDatabase,
  deterministicBytes,
  startUpstream,
  type UpstreamRegistry,
} from '@entrepot/testing';
import { openPullers, type PullerFixture } from './puller-fixture.js';

const layerOf = (name: string, bytes = 20_000) => [{ name, content: deterministicBytes(bytes, name) }];

describe('a batch', () => {
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

  const put = async (name: string, ...layers: string[]): Promise<{ reference: string; image: BuiltImage }> => {
    const image = await buildImage({ layers: layers.map((layer) => layerOf(layer)), config: { Labels: { name } } });
    upstream.putImage(`lib/${name}`, image, '1');
    return { reference: `${upstream.host}/lib/${name}:1`, image };
  };

  const itemsOf = (batchId: string) => listBatchItems(fixture.content.database.prisma, batchId, { limit: 1000 });
  const blobGets = () => upstream.requested('blob').filter((line) => line.startsWith('GET'));

  it('is planned before anything is fetched, and a dry run ends there', async () => {
    await fixture.startPuller();
    const a = await put('a', 'shared', 'own-a');
    const b = await put('b', 'shared', 'own-b');
    const missing = `${upstream.host}/lib/nope:1`;
    const id = await fixture.createBatch([a.reference, b.reference, missing], { dryRun: true });
    const { plan, counts } = await fixture.waitFor(id, 'planned');
    const sizes = new Map(
      [a, b].flatMap(({ image }) => image.blobs.map(({ digest, bytes }) => [digest, bytes.length])),
    );
    const distinct = [...sizes.values()].reduce((sum, size) => sum + size, 0);
    expect(plan).toMatchObject({ layers: 4, layersHere: 0, totalBytes: distinct, missingBytes: distinct });
    expect(plan?.hosts).toEqual([
      expect.objectContaining({ host: upstream.host, manifestRequests: 2, missingBytes: distinct, quota: null }),
    ]);
    expect(counts).toMatchObject({ planned: 2, failed: 1 });
    const [first, , third] = await itemsOf(id);
    expect(first).toMatchObject({ layerCount: 2, layersHere: 0, missingBytes: first?.totalBytes, pullId: null });
    expect(third).toMatchObject({ state: 'failed', reason: { code: 'MANIFEST_UNKNOWN' } });
    expect(blobGets()).toEqual([]);
    expect(await listImages(fixture.content.database.prisma, {})).toEqual([]);
  }, 120_000);

  it('fetches each blob once, fails items alone, and pays for each manifest once', async () => {
    const images = [];
    for (let index = 0; index < 12; index++) images.push(await put(`image-${index}`, 'base', `own-${index}`));
    await Promise.all([fixture.startPuller(), fixture.startPuller()]);
    const references = images.map(({ reference }) => reference);
    const id = await fixture.createBatch([...references, `${upstream.host}/lib/nope:1`]);
    const { counts } = await fixture.waitFor(id, 'done');
    expect(counts).toMatchObject({ done: 12, failed: 1, running: 0, planned: 0, queued: 0 });
    expect(await listImages(fixture.content.database.prisma, {})).toHaveLength(12);
    expect(new Set(blobGets()).size).toBe(blobGets().length);
    expect(upstream.requested('manifest').filter((line) => line.startsWith('GET /v2/lib/image'))).toHaveLength(12);
    const again = await fixture.createBatch(references);
    expect((await fixture.waitFor(again, 'done')).counts.done).toBe(12);
    expect((await itemsOf(again)).every(({ outcome, pullId }) => outcome === 'up-to-date' && pullId === null)).toBe(
      true,
    );
  }, 120_000);

  it('tries again what failed, and nothing else', async () => {
    await fixture.startPuller();
    const a = await put('a', 'own-a');
    const late = `${upstream.host}/lib/late:1`;
    const id = await fixture.createBatch([a.reference, late]);
    await fixture.waitFor(id, 'done');
    await put('late', 'own-late');
    expect(await retryBatch(fixture.content, id)).toBe(1);
    const { counts } = await fixture.waitFor(id, 'done');
    expect(counts).toMatchObject({ done: 2, failed: 0 });
  }, 120_000);

  it('is refused with the numbers when it does not fit', async () => {
    await fixture.startPuller({ freeBytes: async () => 1_000 });
    const { reference } = await put('a', 'own-a');
    const id = await fixture.createBatch([reference]);
    const { refusal, plan } = await fixture.waitFor(id, 'refused');
    expect(refusal).toEqual({
      code: 'NO_SPACE',
      message: `the batch needs ${plan?.missingBytes} bytes; 1000 bytes are free`,
    });
    expect(blobGets()).toEqual([]);
  }, 120_000);

  it('stops transfers within a second when it is cancelled or paused, and keeps what came', async () => {
    await fixture.startPuller();
    const image = await buildImage({ layers: [layerOf('slow', 4_000_000)] });
    upstream.putImage('lib/slow', image, '1');
    const undo = upstream.faults.add({ on: 'blob' }, { bytesPerSecond: 400_000 });
    const id = await fixture.createBatch([`${upstream.host}/lib/slow:1`]);
    const { prisma } = fixture.content.database;
    const running = () =>
      prisma.blobFetch.findFirst({ where: { state: 'running', bytesDone: { gt: 0 }, sizeBytes: { gt: 1_000_000 } } });
    const waitUntil = async (check: () => Promise<boolean>): Promise<number> => {
      const from = Date.now();
      while (!(await check())) await new Promise((resolve) => setTimeout(resolve, 20));
      return Date.now() - from;
    };
    await waitUntil(async () => (await running()) !== null);
    await pauseBatch(fixture.content, id);
    expect(await waitUntil(async () => (await running()) === null)).toBeLessThan(1_500);
    expect((await itemsOf(id))[0]).toMatchObject({ state: 'planned', pullId: null });
    const kept = Number(
      (await prisma.blobFetch.findFirstOrThrow({ where: { sizeBytes: { gt: 1_000_000 } } })).bytesDone,
    );
    expect(kept).toBeGreaterThan(0);
    await resumeBatch(fixture.content, id);
    await waitUntil(async () => upstream.requests.some(({ headers }) => headers.range !== undefined));
    expect(await cancelBatch(fixture.content, id)).toBe(1);
    expect(await waitUntil(async () => (await running()) === null)).toBeLessThan(1_500);
    undo();
    expect((await fixture.waitFor(id, 'cancelled')).counts.cancelled).toBe(1);
    await retryBatch(fixture.content, id, { cancelled: true });
    expect((await fixture.waitFor(id, 'done')).counts.done).toBe(1);
  }, 120_000);

  it('waits for a registry that is not there, and says so', async () => {
    const { parts } = await fixture.startPuller();
    const { reference } = await put('a', 'own-a');
    upstream.faults.add({ on: 'manifest' }, { status: 429, headers: { 'retry-after': '120' } });
    const id = await fixture.createBatch([reference]);
    for (;;) {
      const [item] = await itemsOf(id);
      if (item?.waitsUntil != null) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const [item] = await itemsOf(id);
    expect(item).toMatchObject({
      state: 'queued',
      reason: {
        code: 'REGISTRY_LIMITED',
        message: expect.stringMatching(/^429 from .*, waiting until \d\d:\d\d:\d\d UTC$/),
      },
    });
    expect((item?.waitsUntil?.getTime() ?? 0) - Date.now()).toBeGreaterThan(100_000);
    await parts.queue.enqueue(planBatch, { batchId: id });
    expect(await cancelBatch(fixture.content, id)).toBe(1);
  }, 120_000);
});
