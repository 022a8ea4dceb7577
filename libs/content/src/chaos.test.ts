// Everybody at once: pullers and removers of overlapping images, workers that lose their leases, and three collectors
// without any delay. What each does is drawn from a seed.
import { type Digest, isCodedError } from '@entrepot/oci';
import {
  type BuiltImage,
  buildImage,
  bytesOf,
  type ContentLab,
  checkInvariants,
  openContentLab,
  planOf,
} from '@entrepot/testing';
import { settleFetches, storeBytes } from './admit.js';
import { collectOnce } from './collect.js';
import type { ContentContext } from './context.js';
import { claimFetch, openFetchIngest, releaseFetch } from './fetching.js';
import { finishFetch } from './finish-fetch.js';
import { releaseLeases } from './leasing.js';
import { publishPull } from './publish-pull.js';
import { cancelPull, getPull, savePlan, startPull } from './pulling.js';
import { openBlob } from './read-blob.js';
import { removeImage } from './release.js';
import { findDueWork, tendPulls } from './sweep.js';

const seed = 20261123;
const runMs = 6_000;

describe('chaos', () => {
  let lab: ContentLab;
  let images: BuiltImage[];
  let done: boolean;
  const counts: Record<string, number> = {};
  const unexpected: string[] = [];

  beforeAll(async () => {
    lab = await openContentLab();
    // Six images out of five layers, so that every layer belongs to several.
    const layers = Array.from({ length: 5 }, (_, n) => [{ name: `layer-${n}`, content: `${n}`.repeat(2_000) }]);
    const choices = [
      [0, 1],
      [0, 1, 2],
      [2, 3],
      [3, 4],
      [0, 4],
      [1, 2, 3, 4],
    ];
    images = await Promise.all(choices.map((choice) => buildImage({ layers: choice.map((n) => layers[n] ?? []) })));
  });
  afterAll(() => lab.close());

  const bytesOfAny = (digest: Digest): Buffer => {
    const image = images.find(({ blobs }) => blobs.some((blob) => blob.digest === digest));
    return bytesOf(image as BuiltImage, digest);
  };

  it('leaves nothing broken behind', async () => {
    const random = randomOf(seed);
    done = false;
    const players = [
      ...Array.from({ length: 4 }, (_, n) => play(`pull ${n}`, lab.connect(), random, pullSomething)),
      ...Array.from({ length: 3 }, (_, n) => play(`worker ${n}`, lab.connect(), random, fetchSomething)),
      ...Array.from({ length: 2 }, (_, n) => play(`remove ${n}`, lab.connect(), random, removeSomething)),
      ...Array.from({ length: 3 }, (_, n) => play(`collect ${n}`, lab.connect(), random, collectEverything)),
      play('load', lab.connect(), random, loadSomething),
      play('robber', lab.context, random, robSomebody),
    ];
    setTimeout(() => {
      done = true;
    }, runMs);
    await Promise.all(players);
    await finishAllPulls();
    expect(unexpected).toEqual([]);
    expect(await checkInvariants(lab.context.database, lab.context.store, { hashes: true })).toEqual([]);
    for (const what of ['published', 'fetched', 'removed', 'collected', 'loaded']) {
      expect([what, counts[what] ?? 0]).toEqual([what, expect.any(Number)]);
      expect(counts[what]).toBeGreaterThan(0);
    }
    await removeEverything();
    expect(await checkInvariants(lab.context.database, lab.context.store)).toEqual([]);
    expect(await lab.context.database.prisma.blob.count()).toBe(0);
    expect(await countObjects()).toBe(0);
  }, 60_000);

  type Random = () => number;
  type Play = (context: ContentContext, random: Random, name: string) => Promise<void>;

  const expectedCodes = new Set([
    'PULL_ENDED',
    'FETCH_LOST',
    'UPLOAD_LOST',
    'BLOB_UPLOAD_LOST',
    'IMAGE_NOT_FOUND',
    'BLOB_GONE',
  ]);

  async function play(name: string, context: ContentContext, random: Random, act: Play): Promise<void> {
    while (!done) {
      try {
        await act(context, random, name);
      } catch (error) {
        const code = isCodedError(error) ? error.code : '';
        count(code);
        if (!expectedCodes.has(code)) unexpected.push(`${name}: ${String(error)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, random() * 20));
    }
  }

  function count(what: string): void {
    counts[what] = (counts[what] ?? 0) + 1;
  }

  const pullSomething: Play = async (context, random) => {
    const image = pick(images, random);
    const reference = `docker.io/library/chaos:${Math.floor(random() * 4)}`;
    const { pullId } = await startPull(context, { reference, platform: null, kind: 'batch' });
    await savePlan(context, pullId, planOf(image));
    if (random() < 0.1) await cancelPull(context, pullId);
    for (let waited = 0; waited < 40 && !done; waited++) {
      const { state } = await getPull(context, pullId);
      if (state === 'publishing' && (await publishPull(context, pullId)).state === 'done') return count('published');
      if (state !== 'fetching' && state !== 'publishing') return;
      await context.database.signals.waitFor(`pull:${pullId}`, { timeoutMs: 100 });
    }
  };

  const fetchSomething: Play = async (context, random, name) => {
    const { fetch, fetchForBatches } = await findDueWork(context);
    const due = [...fetch, ...fetchForBatches];
    if (due.length > 0) await fetchOne(context, pick(due, random), name, random);
  };

  async function fetchOne(context: ContentContext, digest: Digest, name: string, random: Random): Promise<void> {
    const claim = await claimFetch(context, digest, name);
    if (claim === null || 'taken' in claim) return;
    const ingest = await openFetchIngest(context, claim, { fresh: random() < 0.3 });
    try {
      const bytes = bytesOfAny(digest);
      await ingest.write(bytes.subarray(ingest.offsetBytes, ingest.offsetBytes + (bytes.length >> 1)));
      if (random() < 0.15) {
        await ingest.suspend();
        await releaseFetch(context, claim);
        return;
      }
      await ingest.write(bytes.subarray(ingest.offsetBytes + (bytes.length >> 1)));
      await finishFetch(context, claim, await ingest.finish());
      count('fetched');
    } catch (error) {
      await ingest.abort();
      throw error;
    }
  }

  const removeSomething: Play = async (context, random) => {
    await removeImage(context, `chaos:${Math.floor(random() * 4)}`, { force: true });
    const dangling = await context.database.prisma.image.findMany({ where: { tags: { none: {} } }, take: 1 });
    for (const { id } of dangling) await removeImage(context, id, { force: true });
    count('removed');
  };

  const collectEverything: Play = async (context) => {
    const { released } = await collectOnce(context, { collectAfterMs: 0 });
    if (released > 0) count('collected');
  };

  const loadSomething: Play = async (context, random, name) => {
    const image = pick(images, random);
    const blob = pick([...image.blobs], random);
    await storeBytes(context, Buffer.from(blob.bytes), { owner: name, digest: blob.digest });
    for await (const _ of await openBlob(context, blob.digest));
    await context.database.transaction((tx) => settleFetches(tx, [blob.digest]));
    await releaseLeases(context, name);
    count('loaded');
  };

  /** Leases run out under everybody's hands, as after a long pause of the process. */
  const robSomebody: Play = async (context, random) => {
    const { prisma } = context.database;
    const which = random();
    if (which < 0.4) await prisma.$executeRaw`update blob_fetch set lease_until = now() where random() < 0.3`;
    else if (which < 0.6) await prisma.$executeRaw`update blob_lease set expires_at = now() where random() < 0.2`;
    else if (which < 0.7) await prisma.$executeRaw`update upload set expires_at = now() where random() < 0.2`;
    else await tendPulls(context);
  };

  async function finishAllPulls(): Promise<void> {
    const random = randomOf(seed);
    const { context } = lab;
    await context.database.prisma.$executeRaw`update blob_fetch set lease_until = now()`;
    for (let round = 0; round < 50; round++) {
      await tendPulls(context);
      const due = await findDueWork(context);
      const fetches = [...due.fetch, ...due.fetchForBatches];
      if (fetches.length + due.publish.length + due.resolve.length === 0) return;
      for (const digest of fetches) await fetchOne(context, digest, 'last', random);
      for (const pullId of due.publish) await publishPull(context, pullId);
      for (const pullId of due.resolve) await cancelPull(context, pullId);
    }
    unexpected.push('some pulls could not be finished');
  }

  async function removeEverything(): Promise<void> {
    const { context } = lab;
    const { prisma } = context.database;
    for (const { id } of await prisma.image.findMany()) await removeImage(context, id, { force: true });
    await prisma.$executeRaw`update upload set expires_at = now()`;
    await prisma.$executeRaw`update blob_lease set expires_at = now()`;
    await prisma.$executeRaw`update blob_review set retry_at = now(), unreferenced_at = now()`;
    await prisma.$executeRaw`update tombstone set not_before = now()`;
    await collectOnce(context, { collectAfterMs: 0 });
  }

  async function countObjects(): Promise<number> {
    let objects = 0;
    for await (const _ of lab.context.store.list()) objects++;
    return objects;
  }
});

function pick<T>(from: readonly T[], random: () => number): T {
  return from[Math.floor(random() * from.length)] as T;
}

/** Mulberry32. */
function randomOf(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
