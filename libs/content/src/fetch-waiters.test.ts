import { randomBytes } from 'node:crypto';
import { pullProgress } from '@entrepot/database';
import { type Digest } from '@entrepot/oci';
import {
  type BuiltImage,
  buildImage,
  bytesOf,
  type ContentLab,
  checkInvariants,
  openContentLab,
  planOf,
} from '@entrepot/testing';
import { collectOnce } from './collect.js';
import type { ContentContext } from './context.js';
import { fetchCancelTopic } from './end-pull.js';
import {
  claimFetch,
  dropFetchWaiters,
  type FetchClaim,
  failFetch,
  fetchSources,
  noteFetch,
  openFetchIngest,
  parkFetch,
  releaseFetch,
  reportFetch,
} from './fetching.js';
import { cancelPull, savePlan, startPull } from './pulling.js';
import { findDueWork, tendPulls } from './sweep.js';

describe('pulls that wait for a fetch', () => {
  let lab: ContentLab;
  let one: ContentContext;
  let two: ContentContext;
  let image: BuiltImage;
  let layer: Digest;
  let layerBytes: Buffer;

  beforeEach(async () => {
    lab = await openContentLab();
    one = lab.context;
    two = lab.connect();
    image = await buildImage({ layers: [{ tar: randomBytes(3_000_000), compression: 'none' }] });
    layer = image.layers[0]?.descriptor.digest as Digest;
    layerBytes = bytesOf(image, layer);
  });
  afterEach(async () => {
    await collectOnce(one, { collectAfterMs: 0 });
    expect(await checkInvariants(lab.context.database, lab.context.store, { hashes: true })).toEqual([]);
    await lab.close();
  });

  async function plannedPull(tag: string, kind: 'interactive' | 'batch' = 'batch', fingerprint?: string) {
    const credential = fingerprint === undefined ? undefined : { sealed: Buffer.from(fingerprint), fingerprint };
    const reference = `docker.io/library/lab:${tag}`;
    const { pullId } = await startPull(one, { reference, platform: null, kind, credential });
    await savePlan(one, pullId, planOf(image));
    return pullId;
  }

  async function claim(context: ContentContext, owner: string, digest = layer): Promise<FetchClaim> {
    const claimed = await claimFetch(context, digest, owner);
    if (claimed === null || 'taken' in claimed) throw new Error(`${owner} got no claim`);
    return claimed;
  }

  const fetchRow = () => lab.context.database.prisma.blobFetch.findUnique({ where: { digest: layer } });

  it('shows the same progress to every pull that waits, and wakes them', async () => {
    const pulls = [await plannedPull('1'), await plannedPull('2')];
    const claimed = await claim(one, 'w');
    const ingest = await openFetchIngest(one, claimed);
    const watches = pulls.map((pullId) => two.database.signals.watch(`pull:${pullId}`));
    await Promise.all(watches.map((watch) => watch.wait({ timeoutMs: 5_000 })));
    const woken = Promise.all(watches.map((watch) => watch.wait({ timeoutMs: 5_000 }).then(() => performance.now())));
    const askedAt = performance.now();
    const { safeBytes, state } = ingest.state();
    expect(await reportFetch(one, claimed, { bytesDone: 1_234, safeBytes, state })).toEqual({
      wanted: true,
      urgent: false,
    });
    for (const at of await woken) expect(at - askedAt).toBeLessThan(2_000);
    for (const pullId of pulls) {
      const progress = await pullProgress(two.database.prisma, pullId);
      expect(progress?.layers[1]).toMatchObject({ digest: layer, bytesDone: 1_234, stored: false });
    }
    await ingest.abort();
  });

  it('tells the owner when the last pull that waits is cancelled, and keeps what it has for the next', async () => {
    const pulls = [await plannedPull('1'), await plannedPull('2')];
    const claimed = await claim(one, 'w');
    const ingest = await openFetchIngest(one, claimed);
    await ingest.write(layerBytes.subarray(0, 2_000_000));
    const watch = one.database.signals.watch(fetchCancelTopic(layer));
    await watch.wait({ timeoutMs: 5_000 });
    let cancelled = false;
    const told = watch.wait({ timeoutMs: 5_000 }).then(() => {
      cancelled = true;
    });
    const report = { bytesDone: 0, ...ingest.state() };
    await cancelPull(two, pulls[0] ?? '');
    expect(await reportFetch(one, claimed, report)).toEqual({ wanted: true, urgent: false });
    expect(cancelled).toBe(false);
    await cancelPull(two, pulls[1] ?? '');
    await told;
    expect(await reportFetch(one, claimed, report)).toEqual({ wanted: false, urgent: false });
    await ingest.suspend();
    await releaseFetch(one, claimed);
    expect(await claimFetch(one, layer, 'w')).toBeNull();
    expect((await findDueWork(one)).fetchForBatches).toEqual([]);
    await plannedPull('3');
    expect((await findDueWork(one)).fetchForBatches).toContain(layer);
    const resumed = await openFetchIngest(one, await claim(one, 'w'));
    expect(resumed.offsetBytes).toBe(2_000_000);
    await resumed.abort();
  });

  it('offers the rights of people before those of batches, each with its own credential', async () => {
    const batch = await plannedPull('1', 'batch', 'b');
    const person = await plannedPull('1', 'interactive', 'p');
    const sources = await fetchSources(one, layer);
    expect(sources).toMatchObject([
      { pullId: person, credential: Buffer.from('p'), repository: 'docker.io/library/lab' },
      { pullId: batch, credential: Buffer.from('b'), descriptor: { digest: layer, sizeBytes: layerBytes.length } },
    ]);
  });

  it('fails only the pulls whose source refuses, and all of them when the fetch fails', async () => {
    const [refused, other] = [await plannedPull('1', 'batch', 'a'), await plannedPull('1', 'batch', 'b')];
    const claimed = await claim(one, 'w');
    const denied = { code: 'REGISTRY_DENIED', message: 'denied' };
    expect(await dropFetchWaiters(one, claimed, [refused], denied)).toEqual({ left: 1 });
    const { prisma } = one.database;
    expect(await prisma.pull.findUnique({ where: { id: refused } })).toMatchObject({
      state: 'failed',
      error: denied,
      credential: null,
    });
    expect(await prisma.pull.findUnique({ where: { id: other } })).toMatchObject({ state: 'fetching' });
    await failFetch(one, claimed, denied);
    expect(await prisma.pull.findUnique({ where: { id: other } })).toMatchObject({ state: 'failed' });
    expect(await fetchRow()).toBeNull();
  });

  it('waits for a registry without counting a try, and tells everybody why', async () => {
    const batch = await plannedPull('1', 'batch');
    const person = await plannedPull('2', 'interactive');
    const claimed = await claim(one, 'w');
    const error = { code: 'REGISTRY_LIMITED', message: 'too many requests' };
    const soon = { until: new Date(Date.now() + 30_000), line: '429 from a.example, waiting until 14:05', error };
    expect(await parkFetch(one, claimed, soon)).toEqual({ failedPulls: [] });
    expect(await claimFetch(one, layer, 'w')).toMatchObject({ taken: true });
    const progress = await pullProgress(one.database.prisma, person);
    expect(progress?.events.map(({ line }) => line)).toEqual([soon.line]);
    expect(await pullProgress(one.database.prisma, person, progress?.events[0]?.id)).toMatchObject({ events: [] });
    await one.database.prisma.$executeRaw`update blob_fetch set not_before = now()`;
    const again = await claim(one, 'w');
    expect(again.attempts).toBe(0);
    const late = { ...soon, until: new Date(Date.now() + 600_000) };
    expect(await parkFetch(one, again, late)).toEqual({ failedPulls: [person] });
    expect(await pullProgress(one.database.prisma, person)).toMatchObject({ state: 'failed', error });
    expect(await pullProgress(one.database.prisma, batch)).toMatchObject({ state: 'fetching' });
    const newcomer = await plannedPull('3', 'interactive');
    await tendPulls(one);
    expect(await pullProgress(one.database.prisma, newcomer)).toMatchObject({ state: 'failed', error });
  });

  it('parks the blobs of one pull at the same time without a deadlock', async () => {
    const person = await plannedPull('1', 'interactive');
    const claims = [await claim(one, 'a'), await claim(two, 'b', image.config.digest)];
    const wait = { until: new Date(Date.now() + 600_000), line: '429', error: { code: 'X', message: 'x' } };
    const startedAt = performance.now();
    const parked = await Promise.all(claims.map((claimed, n) => parkFetch(n === 0 ? one : two, claimed, wait)));
    expect(parked.flatMap(({ failedPulls }) => failedPulls)).toEqual([person]);
    expect(performance.now() - startedAt).toBeLessThan(900);
  });

  it('adds a line to the timeline of every pull that waits', async () => {
    const pulls = [await plannedPull('1'), await plannedPull('2')];
    await noteFetch(one, layer, 'connection lost, going on at 1 MB');
    for (const pullId of pulls) {
      expect(await pullProgress(one.database.prisma, pullId)).toMatchObject({
        events: [{ line: 'connection lost, going on at 1 MB', at: expect.any(Date) }],
      });
    }
  });
});
