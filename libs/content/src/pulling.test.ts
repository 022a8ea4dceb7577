import { pullProgress } from '@entrepot/database';
import {
  type BuiltImage,
  buildImage,
  bytesOf,
  type ContentLab,
  checkInvariants,
  fetchBytes,
  openContentLab,
  pauseBefore,
  planOf,
  pullImage,
  waitForBlocked,
} from '@entrepot/testing';
import { storeBytes } from './admit.js';
import { collectOnce } from './collect.js';
import { pullOwner } from './context.js';
import { publishPull } from './publish-pull.js';
import {
  cancelPull,
  failPull,
  getPull,
  leavePull,
  type NewPull,
  notePull,
  parkPull,
  renewWatcher,
  savePlan,
  startPull,
} from './pulling.js';
import { findDueWork, tendPulls } from './sweep.js';

const request: NewPull = { reference: 'docker.io/library/lab:1', platform: null, kind: 'interactive' };

describe('a pull', () => {
  let lab: ContentLab;
  let image: BuiltImage;
  beforeEach(async () => {
    lab = await openContentLab();
    image = await buildImage();
  });
  afterEach(async () => {
    await collectOnce(lab.context, { collectAfterMs: 0 });
    expect(await checkInvariants(lab.context.database, lab.context.store, { hashes: true })).toEqual([]);
    await lab.close();
  });
  const stateOf = async (pullId: string) => (await getPull(lab.context, pullId)).state;

  it('is one for all who ask for the same thing with the same rights', async () => {
    const starts = await Promise.all(Array.from({ length: 6 }, () => startPull(lab.context, request)));
    expect(new Set(starts.map(({ pullId }) => pullId)).size).toBe(1);
    expect(starts.filter(({ created }) => created)).toHaveLength(1);
    expect(new Set(starts.map(({ watcherId }) => watcherId)).size).toBe(6);
    const others: NewPull[] = [
      { ...request, reference: 'docker.io/library/lab:2' },
      { ...request, platform: 'linux/arm64' },
      { ...request, credential: { sealed: Buffer.from('s'), fingerprint: 'f' } },
    ];
    for (const other of others) expect(await startPull(lab.context, other)).toMatchObject({ created: true });
  });

  it('begins anew once the first one has ended', async () => {
    const { pullId } = await pullImage(lab.context, image);
    const again = await startPull(lab.context, request);
    expect(again.created).toBe(true);
    expect(again.pullId).not.toBe(pullId);
  });

  it('goes on while somebody watches, and is cancelled by the last who leaves', async () => {
    const [first, second] = [await startPull(lab.context, request), await startPull(lab.context, request)];
    const { pullId } = first;
    await savePlan(lab.context, pullId, planOf(image));
    expect(await leavePull(lab.context, pullId, first.watcherId)).toEqual({ cancelled: false });
    expect(await leavePull(lab.context, pullId, first.watcherId)).toEqual({ cancelled: false });
    expect(await stateOf(pullId)).toBe('fetching');
    expect(await leavePull(lab.context, pullId, second.watcherId)).toEqual({ cancelled: true });
    expect(await stateOf(pullId)).toBe('cancelled');
    expect(await leavePull(lab.context, pullId, second.watcherId)).toEqual({ cancelled: false });
  });

  it('is cancelled once when the last two leave at the same time', async () => {
    const watchers = [await startPull(lab.context, request), await startPull(lab.context, request)];
    const left = await Promise.all(watchers.map(({ pullId, watcherId }) => leavePull(lab.context, pullId, watcherId)));
    expect(left.filter(({ cancelled }) => cancelled)).toHaveLength(1);
  });

  it('either keeps who joins while the last one leaves, or is another pull', async () => {
    const { pullId, watcherId } = await startPull(lab.context, request);
    const paused = pauseBefore(lab.context.database, 'commit');
    const leaving = leavePull({ ...lab.context, database: paused.database }, pullId, watcherId);
    await paused.reached;
    const joining = startPull(lab.connect(), request);
    await waitForBlocked(lab.context.database);
    paused.resume();
    expect(await leaving).toEqual({ cancelled: true });
    const joined = await joining;
    expect(joined.created).toBe(true);
    expect(await stateOf(joined.pullId)).toBe('queued');
  });

  it('of a batch is cancelled by request only, also when a person joined it', async () => {
    const { pullId } = await startPull(lab.context, { ...request, kind: 'batch' });
    const person = await startPull(lab.context, request);
    expect(person.pullId).toBe(pullId);
    expect(await leavePull(lab.context, pullId, person.watcherId)).toEqual({ cancelled: false });
    await tendPulls(lab.context);
    expect(await stateOf(pullId)).toBe('queued');
    expect(await cancelPull(lab.context, pullId)).toBe(true);
    expect(await cancelPull(lab.context, pullId)).toBe(false);
  });

  it('of a person is kept by a batch that joins it', async () => {
    const person = await startPull(lab.context, request);
    await startPull(lab.context, { ...request, kind: 'batch' });
    expect(await leavePull(lab.context, person.pullId, person.watcherId)).toEqual({ cancelled: false });
  });

  it('is cancelled when its watcher is not heard of any more', async () => {
    const { pullId, watcherId } = await startPull(lab.context, request);
    await tendPulls(lab.context);
    expect(await stateOf(pullId)).toBe('queued');
    await lab.context.database.prisma.$executeRaw`update pull_watcher set expires_at = now()`;
    expect(await renewWatcher(lab.context, pullId, watcherId)).toBe(true);
    await tendPulls(lab.context);
    expect(await stateOf(pullId)).toBe('queued');
    await lab.context.database.prisma.$executeRaw`update pull_watcher set expires_at = now()`;
    await tendPulls(lab.context);
    expect(await stateOf(pullId)).toBe('cancelled');
  });

  it('is planned once: leases for what is here, fetches for what is not', async () => {
    const layer = image.layers[0]?.bytes ?? Buffer.alloc(0);
    await storeBytes(lab.context, layer, { owner: 'x' });
    const { pullId } = await startPull(lab.context, request);
    const plan = planOf(image);
    const twice = { ...plan, blobs: [...plan.blobs, ...plan.blobs] };
    const saved = await savePlan(lab.context, pullId, twice);
    expect(saved).toEqual({ missing: [image.config.digest], complete: false, duePulls: [] });
    expect(await savePlan(lab.context, pullId, plan)).toEqual(saved);
    const { prisma } = lab.context.database;
    expect(await prisma.blobLease.count({ where: { owner: pullOwner(pullId) } })).toBe(1);
    expect(await pullProgress(prisma, pullId)).toMatchObject({
      state: 'fetching',
      targetDigest: image.digest,
      layers: [
        { digest: image.config.digest, bytesDone: 0, stored: false, wasHere: false },
        { bytesDone: layer.length, stored: true, wasHere: true },
      ],
    });
    await prisma.$executeRaw`delete from blob_lease where owner = 'x'`;
  });

  it('with nothing missing is due at once', async () => {
    await pullImage(lab.context, image);
    const { pullId } = await startPull(lab.context, request);
    const complete = { missing: [], complete: true, duePulls: [] };
    expect(await savePlan(lab.context, pullId, planOf(image))).toEqual(complete);
    expect(await savePlan(lab.context, pullId, planOf(image))).toEqual(complete);
    expect(await findDueWork(lab.context)).toMatchObject({ resolve: [], fetch: [], publish: [pullId] });
    await publishPull(lab.context, pullId);
    await expect(savePlan(lab.context, pullId, planOf(image))).rejects.toMatchObject({ state: 'done' });
  });

  it('that was cancelled is neither planned nor published', async () => {
    const { pullId } = await startPull(lab.context, request);
    await cancelPull(lab.context, pullId);
    const ended = { code: 'PULL_ENDED', state: 'cancelled' };
    await expect(savePlan(lab.context, pullId, planOf(image))).rejects.toMatchObject(ended);
    await expect(publishPull(lab.context, pullId)).rejects.toMatchObject(ended);
  });

  it('that is cancelled while a blob of it is stored keeps no lease', async () => {
    const { pullId } = await startPull(lab.context, { ...request, kind: 'batch' });
    await savePlan(lab.context, pullId, planOf(image));
    const paused = pauseBefore(lab.context.database, 'commit');
    const cancelling = cancelPull({ ...lab.context, database: paused.database }, pullId);
    await paused.reached;
    const fetching = fetchBytes(lab.connect(), image.config.digest, image.config.bytes, 'w');
    paused.resume();
    expect(await cancelling).toBe(true);
    // The claim may have come before the commit; storing then finds nobody who waits.
    await fetching.catch(() => {});
    expect(await lab.context.database.prisma.blobLease.count()).toBe(0);
  });

  it('that failed says why, keeps its timeline and forgets its credential', async () => {
    const credential = { sealed: Buffer.from('sealed'), fingerprint: 'f' };
    const { pullId } = await startPull(lab.context, { ...request, credential });
    expect((await getPull(lab.context, pullId)).credential).toEqual(new Uint8Array(credential.sealed));
    await notePull(lab.context, pullId, 'asking registry-1.docker.io');
    const error = { code: 'MANIFEST_UNKNOWN', message: 'not\0there', dockerMessage: 'manifest unknown' };
    await failPull(lab.context, pullId, error);
    await failPull(lab.context, pullId, { code: 'LATER', message: 'ignored' });
    expect(await pullProgress(lab.context.database.prisma, pullId)).toMatchObject({
      state: 'failed',
      error: { ...error, message: 'not\ufffdthere' },
      events: [{ line: 'asking registry-1.docker.io' }],
    });
    expect((await getPull(lab.context, pullId)).credential).toBeNull();
    await expect(getPull(lab.context, '00000000-0000-4000-8000-000000000000')).rejects.toMatchObject({
      code: 'PULL_ENDED',
    });
  });

  it('waits for a registry as long as its kind allows', async () => {
    const error = { code: 'REGISTRY_LIMITED', message: 'slow down' };
    const person = await startPull(lab.context, request);
    const batch = await startPull(lab.context, { ...request, platform: 'linux/arm', kind: 'batch' });
    const soon = { until: new Date(Date.now() + 10_000), line: '429', error };
    const late = { ...soon, until: new Date(Date.now() + 180_000) };
    expect(await parkPull(lab.context, person.pullId, soon)).toEqual({ ended: false });
    expect((await findDueWork(lab.context)).resolve).toEqual([batch.pullId]);
    expect(await parkPull(lab.context, batch.pullId, late)).toEqual({ ended: false });
    expect(await parkPull(lab.context, person.pullId, late)).toEqual({ ended: true });
    expect(await getPull(lab.context, person.pullId)).toMatchObject({ state: 'failed', error });
    expect(await findDueWork(lab.context)).toEqual({
      resolve: [],
      fetch: [],
      fetchForBatches: [],
      publish: [],
      plan: [],
      run: [],
    });
  });

  it('wakes who watches at every step', async () => {
    const { pullId } = await startPull(lab.context, request);
    const watch = lab.connect().database.signals.watch(`pull:${pullId}`);
    await watch.wait({ timeoutMs: 5_000 });
    const steps = [
      () => savePlan(lab.context, pullId, planOf(image)),
      () => fetchBytes(lab.context, image.config.digest, image.config.bytes, 'w'),
      () => notePull(lab.context, pullId, 'a line'),
      () =>
        fetchBytes(lab.context, image.blobs[1]?.digest as never, bytesOf(image, image.blobs[1]?.digest as never), 'w'),
      () => publishPull(lab.context, pullId),
    ];
    for (const step of steps) {
      await step();
      const askedAt = performance.now();
      await watch.wait({ timeoutMs: 5_000 });
      expect(performance.now() - askedAt).toBeLessThan(2_000);
    }
    watch.close();
  });

  it('that lost its leases gets them back, or fetches again what is gone', async () => {
    const { pullId } = await startPull(lab.context, { ...request, kind: 'batch' });
    await savePlan(lab.context, pullId, planOf(image));
    await fetchBytes(lab.context, image.config.digest, image.config.bytes, 'w');
    const { prisma } = lab.context.database;
    await prisma.$executeRaw`delete from blob_lease`;
    await tendPulls(lab.context);
    expect(await prisma.blobLease.count({ where: { owner: pullOwner(pullId) } })).toBe(1);
    await prisma.$executeRaw`delete from blob_lease`;
    await collectOnce(lab.context, { collectAfterMs: 0 });
    await tendPulls(lab.context);
    expect((await findDueWork(lab.context)).fetchForBatches).toContain(image.config.digest);
    for (const { digest, bytes } of image.blobs) await fetchBytes(lab.context, digest, Buffer.from(bytes), 'w');
    expect(await publishPull(lab.context, pullId)).toMatchObject({ state: 'done' });
  });

  it('is forgotten a day after its end, and its leases are renewed before', async () => {
    const { pullId } = await startPull(lab.context, { ...request, kind: 'batch' });
    await pullImage(lab.context, image, { reference: 'docker.io/library/other:1' });
    await savePlan(lab.context, pullId, planOf(image));
    const { prisma } = lab.context.database;
    await prisma.$executeRaw`update blob_lease set expires_at = now() + interval '1 minute'`;
    await prisma.$executeRaw`update pull set finished_at = now() - interval '25 hours' where finished_at is not null`;
    await tendPulls(lab.context);
    expect(await prisma.pull.count()).toBe(1);
    const [lease] = await prisma.blobLease.findMany();
    expect((lease?.expiresAt.getTime() ?? 0) - Date.now()).toBeGreaterThan(30 * 60_000);
  });
});
