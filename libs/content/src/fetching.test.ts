import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { pullProgress } from '@entrepot/database';
import { type Digest, digestOf } from '@entrepot/oci';
import {
  type BuiltImage,
  buildImage,
  bytesOf,
  type ContentLab,
  checkInvariants,
  openContentLab,
  pauseBefore,
  planOf,
  waitForBlocked,
} from '@entrepot/testing';
import { settleFetches, storeBytes } from './admit.js';
import { collectOnce } from './collect.js';
import type { ContentContext } from './context.js';
import { fetchCancelTopic } from './end-pull.js';
import {
  claimFetch,
  dropFetchWaiters,
  type FetchClaim,
  failFetch,
  fetchSources,
  finishFetch,
  noteFetch,
  openFetchIngest,
  parkFetch,
  releaseFetch,
  reportFetch,
} from './fetching.js';
import { publishPull } from './publish-pull.js';
import { cancelPull, savePlan, startPull } from './pulling.js';
import { findDueWork, tendPulls } from './sweep.js';

describe('fetching', () => {
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

  const leaseRunsOut = () => lab.context.database.prisma.$executeRaw`update blob_fetch set lease_until = now()`;
  const fetchRow = () => lab.context.database.prisma.blobFetch.findUnique({ where: { digest: layer } });

  it('gives a blob to one owner, shows the others until when, and has nothing to do for what nobody wants', async () => {
    await plannedPull('1');
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, n) => claimFetch(n % 2 ? one : two, layer, `worker ${n}`)),
    );
    expect(answers.filter((answer) => answer !== null && !('taken' in answer))).toHaveLength(1);
    const taken = await claimFetch(one, layer, 'late');
    const until = taken !== null && 'taken' in taken ? taken.until.getTime() - Date.now() : 0;
    expect(until).toBeGreaterThan(20_000);
    expect(await claimFetch(one, digestOf(Buffer.from('unknown')), 'x')).toBeNull();
  });

  it('never lets an owner publish whose lease ran out', async () => {
    await plannedPull('1');
    const old = await claim(one, 'old');
    const slow = await openFetchIngest(one, old);
    await slow.write(layerBytes);
    const stored = await slow.finish();
    await leaseRunsOut();
    const fresh = await claim(two, 'new');
    expect(fresh.epoch).toBe(old.epoch + 1);
    const lost = { code: 'FETCH_LOST' };
    await expect(reportFetch(one, old, { bytesDone: 5, safeBytes: 0, state: {} })).rejects.toMatchObject(lost);
    await expect(finishFetch(one, old, stored)).rejects.toMatchObject(lost);
    await expect(releaseFetch(one, old)).rejects.toMatchObject(lost);
    await expect(failFetch(one, old, { code: 'X', message: 'x' })).rejects.toMatchObject(lost);
    await expect(openFetchIngest(one, old, { fresh: true })).rejects.toMatchObject(lost);
    expect(await one.database.prisma.blob.count()).toBe(0);
    const ingest = await openFetchIngest(two, fresh);
    await ingest.write(layerBytes.subarray(ingest.offsetBytes));
    await finishFetch(two, fresh, await ingest.finish());
    expect(await one.database.prisma.blob.count({ where: { digest: layer } })).toBe(1);
  });

  it('never lets an owner publish from whom the fetch is taken while it finishes', async () => {
    await plannedPull('1');
    const old = await claim(one, 'old');
    const ingest = await openFetchIngest(one, old);
    await ingest.write(layerBytes);
    const stored = await ingest.finish();
    await leaseRunsOut();
    const paused = pauseBefore(two.database, 'commit');
    const taking = paused.database.transaction((tx) =>
      claimFetch({ ...two, database: { ...two.database, prisma: tx as never } }, layer, 'new'),
    );
    await paused.reached;
    const finishing = finishFetch(one, old, stored);
    await waitForBlocked(one.database);
    paused.resume();
    expect(await taking).toMatchObject({ epoch: old.epoch + 1 });
    await expect(finishing).rejects.toMatchObject({ code: 'FETCH_LOST' });
  });

  it('stops an owner from writing once its time is over, even if nobody told it', async () => {
    await plannedPull('1');
    const old = await claim(one, 'old');
    const ingest = await openFetchIngest(one, old);
    await ingest.write(layerBytes.subarray(0, 1_000));
    old.validUntilMs = performance.now();
    await expect(ingest.write(layerBytes.subarray(1_000))).rejects.toMatchObject({ code: 'FETCH_LOST' });
    await ingest.suspend();
  });

  it('goes on where an owner that died had come to, and leaves its late abort without effect', async () => {
    const pullId = await plannedPull('1');
    const dead = await claim(one, 'dead');
    const begun = await openFetchIngest(one, dead);
    await begun.write(layerBytes.subarray(0, 2_000_000));
    while (begun.state().safeBytes === 0) await sleep(5);
    const { safeBytes, state } = begun.state();
    await reportFetch(one, dead, { bytesDone: 2_000_000, safeBytes, state });
    await leaseRunsOut();
    const next = await claim(two, 'next');
    const ingest = await openFetchIngest(two, next);
    expect(ingest.offsetBytes).toBe(safeBytes);
    expect(safeBytes).toBeGreaterThan(0);
    await begun.abort();
    await ingest.write(layerBytes.subarray(ingest.offsetBytes));
    const config = await claim(one, 'other', image.config.digest);
    const small = await openFetchIngest(one, config);
    await small.write(image.config.bytes);
    expect(await finishFetch(one, config, await small.finish())).toEqual({ duePulls: [] });
    expect(await finishFetch(two, next, await ingest.finish())).toEqual({ duePulls: [pullId] });
    expect(await publishPull(one, pullId)).toMatchObject({ state: 'done' });
  });

  it('starts from nothing when it is told to', async () => {
    await plannedPull('1');
    const first = await claim(one, 'first');
    const begun = await openFetchIngest(one, first);
    await begun.write(layerBytes.subarray(0, 2_000_000));
    await begun.suspend();
    await releaseFetch(one, first, { failed: true });
    const second = await claim(one, 'second');
    expect(second.attempts).toBe(1);
    const ingest = await openFetchIngest(one, second, { fresh: true });
    expect(ingest.offsetBytes).toBe(0);
    await ingest.abort();
  });

  it('makes a pull due exactly once when its last two blobs arrive at the same time', async () => {
    const pullId = await plannedPull('1');
    const claims = [await claim(one, 'a'), await claim(two, 'b', image.config.digest)];
    const stored = await Promise.all(
      claims.map(async (claimed, n) => {
        const ingest = await openFetchIngest(n === 0 ? one : two, claimed);
        await ingest.write(bytesOf(image, claimed.digest));
        return await ingest.finish();
      }),
    );
    const paused = pauseBefore(one.database, 'commit');
    const first = finishFetch({ ...one, database: paused.database }, claims[0] as never, stored[0] as never);
    await paused.reached;
    const second = finishFetch(two, claims[1] as never, stored[1] as never);
    await waitForBlocked(one.database);
    paused.resume();
    expect([...(await first).duePulls, ...(await second).duePulls]).toEqual([pullId]);
  });

  it('gives every pull that waits its lease, whoever planned first', async () => {
    const pulls = [await plannedPull('1'), await plannedPull('2')];
    const claimed = await claim(one, 'w');
    const ingest = await openFetchIngest(one, claimed);
    await ingest.write(layerBytes);
    const stored = await ingest.finish();
    const paused = pauseBefore(one.database, 'commit');
    const finishing = finishFetch({ ...one, database: paused.database }, claimed, stored);
    await paused.reached;
    // A third one plans while the fetch ends: it waits, and then finds the blob here.
    const third = plannedPull('3');
    await waitForBlocked(one.database);
    paused.resume();
    await finishing;
    pulls.push(await third);
    const leases = await one.database.prisma.blobLease.findMany({ where: { blobDigest: layer } });
    expect(leases.map(({ owner }) => owner).sort()).toEqual(pulls.map((pullId) => `pull:${pullId}`).sort());
    expect(await fetchRow()).toBeNull();
    expect((await pullProgress(one.database.prisma, pulls[2] ?? ''))?.layers).toMatchObject([
      { stored: false },
      { digest: layer, stored: true, wasHere: true },
    ]);
  });

  it('lets pulls go on whose blob came by another way, and the owner of the fetch lose it', async () => {
    await plannedPull('1');
    const claimed = await claim(one, 'w');
    const ingest = await openFetchIngest(one, claimed);
    await ingest.write(layerBytes);
    const stored = await ingest.finish();
    await storeBytes(two, layerBytes, { owner: 'load' });
    await expect(finishFetch(one, claimed, stored)).rejects.toMatchObject({ code: 'FETCH_LOST' });
    await ingest.abort();
    expect(await one.database.prisma.upload.count()).toBe(0);
    const { duePulls } = await storeBytes(two, image.config.bytes, { owner: 'load' });
    expect(duePulls).toHaveLength(1);
    expect(await one.database.transaction((tx) => settleFetches(tx, [layer]))).toEqual({ duePulls: [] });
    await one.database.prisma.$executeRaw`delete from blob_lease where owner = 'load'`;
  });

  it('shows the same progress to every pull that waits, and wakes them', async () => {
    const pulls = [await plannedPull('1'), await plannedPull('2')];
    const claimed = await claim(one, 'w');
    const ingest = await openFetchIngest(one, claimed);
    const watches = pulls.map((pullId) => two.database.signals.watch(`pull:${pullId}`));
    await Promise.all(watches.map((watch) => watch.wait({ timeoutMs: 5_000 })));
    const woken = Promise.all(watches.map((watch) => watch.wait({ timeoutMs: 5_000 }).then(() => performance.now())));
    const askedAt = performance.now();
    const { safeBytes, state } = ingest.state();
    expect(await reportFetch(one, claimed, { bytesDone: 1_234, safeBytes, state })).toEqual({ wanted: true });
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
    expect(await reportFetch(one, claimed, report)).toEqual({ wanted: true });
    expect(cancelled).toBe(false);
    await cancelPull(two, pulls[1] ?? '');
    await told;
    expect(await reportFetch(one, claimed, report)).toEqual({ wanted: false });
    await ingest.suspend();
    await releaseFetch(one, claimed);
    expect(await claimFetch(one, layer, 'w')).toBeNull();
    expect((await findDueWork(one)).fetch).toEqual([]);
    await plannedPull('3');
    expect((await findDueWork(one)).fetch).toContain(layer);
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
