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
import { claimFetch, type FetchClaim, failFetch, openFetchIngest, releaseFetch, reportFetch } from './fetching.js';
import { finishFetch } from './finish-fetch.js';
import { publishPull } from './publish-pull.js';
import { savePlan, startPull } from './pulling.js';

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

  it('gives a blob to one owner, tells the others, and has nothing to do for what nobody wants', async () => {
    await plannedPull('1');
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, n) => claimFetch(n % 2 ? one : two, layer, `worker ${n}`)),
    );
    expect(answers.filter((answer) => answer !== null && !('taken' in answer))).toHaveLength(1);
    expect(answers.filter((answer) => answer !== null && 'taken' in answer)).toHaveLength(7);
    expect(await claimFetch(one, layer, 'late')).toEqual({ taken: true });
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
    const refused = expect(finishFetch(one, old, stored)).rejects.toMatchObject({ code: 'FETCH_LOST' });
    await waitForBlocked(one.database);
    paused.resume();
    expect(await taking).toMatchObject({ epoch: old.epoch + 1 });
    await refused;
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
});
