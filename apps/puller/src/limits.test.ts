// What registries allow, kept by two pullers together. Times are lower bounds only, so a slow machine changes nothing.
import { startPull } from '@entrepot/content';
import { findPull, listBatchItems } from '@entrepot/database';
import { resolvePull } from '@entrepot/jobs';
import {
  buildImage,
  createTestDatabase,
  deterministicBytes,
  startUpstream,
  type UpstreamOptions,
  type UpstreamRegistry,
} from '@entrepot/testing';
import { openPullers, type PullerFixture } from './puller-fixture.js';

describe('the limits of a registry', () => {
  let upstream: UpstreamRegistry;
  let fixture: PullerFixture;

  const open = async (limits: Record<string, number> = {}, options: UpstreamOptions = {}): Promise<void> => {
    upstream = await startUpstream(options);
    const registries = [{ host: upstream.host, ...limits }];
    fixture = await openPullers(await createTestDatabase(), { registries });
    await Promise.all([fixture.startPuller(), fixture.startPuller()]);
  };

  afterEach(async () => {
    await fixture.close();
    await upstream.close();
  }, 120_000);

  const put = async (at: UpstreamRegistry, name: string, bytes = 10_000): Promise<string> => {
    const content = deterministicBytes(bytes, name);
    at.putImage(name, await buildImage({ layers: [[{ name, content }]], config: { Labels: { name } } }), '1');
    return `${at.host}/${name}:1`;
  };
  const putMany = (count: number, bytes?: number): Promise<string[]> =>
    Promise.all(Array.from({ length: count }, (_, index) => put(upstream, `image-${index}`, bytes)));

  const until = async <T>(look: () => Promise<T | null | undefined>): Promise<T> => {
    for (let round = 0; round < 2_000; round++) {
      const found = await look();
      if (found != null) return found;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error('it did not happen');
  };
  const waitingItem = (batchId: string) =>
    until(async () =>
      (await listBatchItems(fixture.content.database.prisma, batchId, { limit: 100 })).find((item) => item.waitsUntil),
    );

  it('of requests a minute holds', async () => {
    await open({ requestsPerMinute: 240 });
    const references = await putMany(8);
    const startedAtMs = performance.now();
    await fixture.waitFor(await fixture.createBatch(references, { dryRun: true }), 'planned');
    // 16 requests, of which 5 may be made at once: the first, and four ahead.
    expect(upstream.requests.length).toBeGreaterThanOrEqual(16);
    expect(performance.now() - startedAtMs).toBeGreaterThan((11 * 60_000) / 236);
  }, 120_000);

  it('of connections holds', async () => {
    let most = 0;
    let connections = 0;
    await open(
      { maxConnections: 2 },
      {
        intercept: (_request, response) => {
          connections += 1;
          most = Math.max(most, connections);
          response.once('close', () => {
            connections -= 1;
          });
          return false;
        },
      },
    );
    const references = await putMany(8, 200_000);
    upstream.faults.add({ on: 'blob' }, { delayMs: 50 });
    const { counts } = await fixture.waitFor(await fixture.createBatch(references), 'done');
    expect(counts.done).toBe(8);
    expect(most).toBe(2);
  }, 120_000);

  it('of bytes a second holds', async () => {
    await open({ bytesPerSecond: 500_000 });
    const references = await putMany(4, 700_000);
    const startedAtMs = performance.now();
    const { plan, counts } = await fixture.waitFor(await fixture.createBatch(references), 'done');
    expect(counts.done).toBe(4);
    const leastMs = ((plan?.missingBytes ?? 0) / 500_000) * 1000 - 500;
    expect(leastMs).toBeGreaterThan(1_500);
    expect(performance.now() - startedAtMs).toBeGreaterThan(leastMs);
  }, 120_000);

  it('of pulls leaves a reserve to people, and a batch says until when it waits', async () => {
    await open();
    const [reference = ''] = await putMany(1);
    const said = { 'ratelimit-limit': '10;w=3600', 'ratelimit-remaining': '3;w=3600' };
    upstream.faults.add({ on: 'manifest' }, { headers: said });
    const id = await fixture.createBatch([reference]);
    const item = await waitingItem(id);
    expect(item.reason?.message).toMatch(/^3 of 10 pulls are left at .*, which are kept for people, waiting until /);
    expect((item.waitsUntil?.getTime() ?? 0) - Date.now()).toBeGreaterThan(3_000_000);
    expect(upstream.requested('manifest').filter((line) => line.startsWith('GET'))).toEqual([]);
    const pull = { reference, platform: null, kind: 'interactive' as const };
    const { pullId } = await startPull(fixture.content, pull);
    const { parts } = await fixture.startPuller();
    await parts.queue.enqueue(resolvePull, { pullId });
    await until(async () =>
      (await findPull(fixture.content.database.prisma, pullId))?.state === 'done' ? true : null,
    );
  }, 120_000);

  it('that it declares by 429 holds for every puller, while other registries go on', async () => {
    await open();
    const other = await startUpstream();
    try {
      const limited = await putMany(6);
      upstream.faults.add({ on: 'manifest', skip: 2 }, { status: 429, headers: { 'retry-after': '120' } });
      const free = await Promise.all(Array.from({ length: 6 }, (_, index) => put(other, `free-${index}`)));
      const id = await fixture.createBatch([...limited, ...free]);
      await waitingItem(id);
      const asked = upstream.requests.length;
      const { prisma } = fixture.content.database;
      await until(async () => {
        const items = await listBatchItems(prisma, id, { limit: 100 });
        const done = items.filter(({ state, reference }) => state === 'done' && reference.startsWith(other.host));
        return done.length === free.length ? true : null;
      });
      const again = await fixture.createBatch([`${upstream.host}/another:1`]);
      expect((await waitingItem(again)).reason?.code).toBe('REGISTRY_LIMITED');
      expect(upstream.requests.length).toBe(asked);
    } finally {
      await other.close();
    }
  }, 120_000);
});
