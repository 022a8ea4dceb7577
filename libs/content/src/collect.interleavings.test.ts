// Scripted races, numbered as in the table of the design. Each step of one side happens at a known point of the other:
// a transaction that is paused keeps its locks, and "blocked" means that PostgreSQL says so.
import { buryBlobs, lockUnheldBlobs, putManifests, sqlState } from '@entrepot/database';
import type { Digest } from '@entrepot/oci';
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
import { admitBlobs, storeBytes } from './admit.js';
import { collectOnce, deleteTombstones, reviewBlobs } from './collect.js';
import type { ContentContext } from './context.js';
import { describeManifests } from './describe-image.js';
import { openIngest } from './ingest.js';
import { leaseBlobs, releaseLeases } from './leasing.js';
import { publishPull } from './publish-pull.js';
import { savePlan, startPull } from './pulling.js';
import { openBlob, readBlob } from './read-blob.js';

const now = { collectAfterMs: 0 };

describe('collection against the rest', () => {
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

  async function isStored(digest: Digest): Promise<boolean> {
    return (await client.database.prisma.blob.count({ where: { digest } })) === 1;
  }

  const pausedCollector = (point: 'commit' | RegExp) => {
    const paused = pauseBefore(collector.database, point);
    return { ...paused, context: { ...collector, database: paused.database } };
  };
  const pausedClient = (point: 'commit' | RegExp) => {
    const paused = pauseBefore(client.database, point);
    return { ...paused, context: { ...client, database: paused.database } };
  };

  describe('1: a client finds a blob here, the collector takes it, the manifest comes', () => {
    it('keeps the blob for a client that was first', async () => {
      await storeLoose();
      const pullId = await newPull('1a');
      expect(await savePlan(client, pullId, planOf(image))).toMatchObject({ complete: true });
      expect(await reviewBlobs(collector, now)).toMatchObject({ released: 0 });
      expect(await publishPull(client, pullId)).toMatchObject({ state: 'done' });
    });

    it('keeps the blob for a client whose lease is not committed yet', async () => {
      await storeLoose();
      const paused = pausedClient('commit');
      const planning = savePlan(paused.context, await newPull('1b'), planOf(image));
      await paused.reached;
      expect(await reviewBlobs(collector, now)).toMatchObject({ released: 0 });
      paused.resume();
      expect(await planning).toMatchObject({ complete: true });
      expect(await isStored(layer)).toBe(true);
    });

    it('lets a client that was second fetch the blob again', async () => {
      await storeLoose();
      const paused = pausedCollector('commit');
      const review = reviewBlobs(paused.context, now);
      await paused.reached;
      const pullId = await newPull('1c');
      const planning = savePlan(client, pullId, planOf(image));
      await waitForBlocked(client.database);
      paused.resume();
      expect(await review).toMatchObject({ released: 2 });
      const { missing } = await planning;
      expect(missing).toEqual(image.blobs.map(({ digest }) => digest));
      for (const digest of missing) await fetchBytes(client, digest, bytesOf(image, digest), 'w');
      expect(await publishPull(client, pullId)).toMatchObject({ state: 'done' });
    });
  });

  describe('2: the collector has looked, a manifest commits, the collector deletes', () => {
    const publishBare = (context: ContentContext) => {
      const manifest = { ...image, config: image.config.bytes };
      return context.database.prisma.$transaction((tx) => putManifests(tx, describeManifests([manifest])));
    };

    it('passes over a blob to which an open transaction refers', async () => {
      await storeLoose();
      const paused = pausedClient('commit');
      const manifest = { ...image, config: image.config.bytes };
      const publishing = paused.database.transaction((tx) => putManifests(tx, describeManifests([manifest])));
      await paused.reached;
      expect(await reviewBlobs(collector, now)).toMatchObject({ released: 0 });
      paused.resume();
      await publishing;
      expect(await isStored(layer)).toBe(true);
    });

    it('makes a manifest without a lease wait and fail cleanly, never break', async () => {
      await storeLoose();
      const paused = pausedCollector(/delete from blob where/);
      const review = reviewBlobs(paused.context, now);
      await paused.reached;
      const publishing = publishBare(client).catch((error: unknown) => sqlState(error));
      await waitForBlocked(client.database);
      paused.resume();
      expect(await review).toMatchObject({ released: 2 });
      expect(await publishing).toBe('23503');
      expect(await client.database.prisma.manifest.count({ where: { digest: image.digest } })).toBe(0);
    });

    it('cannot delete the row of a blob in use, whatever it believes', async () => {
      await pullImage(client, image);
      const burial = collector.database.transaction(async (tx) => {
        await lockUnheldBlobs(tx, [layer]);
        return await buryBlobs(tx, [layer]);
      });
      expect(await burial.catch((error: unknown) => sqlState(error))).toBe('23503');
      expect(await readBlob(client, layer, 1_000_000)).toEqual(bytesOf(image, layer));
    });
  });

  it('3: an object that cannot be deleted keeps its tombstone, and its row is gone before', async () => {
    await storeLoose();
    const refusing = { ...collector, store: { ...lab.context.store, delete: () => Promise.reject(new Error('no')) } };
    expect(await collectOnce(refusing, now)).toMatchObject({ released: 2, deletedObjects: 0, freedBytes: 0 });
    const { prisma } = client.database;
    expect(await isStored(layer)).toBe(false);
    expect(await prisma.tombstone.findMany()).toMatchObject([
      { attempts: 1, lastError: 'no' },
      { attempts: 1, lastError: 'no' },
    ]);
    await prisma.$executeRaw`update tombstone set not_before = now()`;
    expect(await deleteTombstones(collector)).toMatchObject({ deletedObjects: 2 });
    expect(await prisma.tombstone.count()).toBe(0);
  });

  it('4: a late delete does not hit the same bytes stored again', async () => {
    await storeLoose();
    await reviewBlobs(collector, now);
    await storeBytes(client, bytesOf(image, layer), { owner: 'again' });
    expect(await deleteTombstones(collector)).toMatchObject({ deletedObjects: 2 });
    expect(await readBlob(client, layer, 1_000_000)).toEqual(bytesOf(image, layer));
    await releaseLeases(client, 'again');
  });

  it('4: bytes stored again while their row is being deleted become the blob', async () => {
    await storeLoose();
    const paused = pausedCollector('commit');
    const review = reviewBlobs(paused.context, now);
    await paused.reached;
    const storing = storeBytes(client, bytesOf(image, layer), { owner: 'again' });
    await waitForBlocked(client.database);
    paused.resume();
    await review;
    await storing;
    await deleteTombstones(collector);
    expect(await readBlob(client, layer, 1_000_000)).toEqual(bytesOf(image, layer));
    await releaseLeases(client, 'again');
  });

  it('5: a reader with a lease reads to the end, and then the blob goes', async () => {
    await storeLoose();
    expect((await leaseBlobs(client, 'read:1', [layer], 60_000)).missing).toEqual([]);
    const stream = await openBlob(client, layer);
    await collectOnce(collector, now);
    expect(await isStored(layer)).toBe(true);
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks)).toEqual(bytesOf(image, layer));
    await releaseLeases(client, 'read:1');
    expect(await collectOnce(collector, now)).toMatchObject({ released: 1, deletedObjects: 1 });
  });

  it('5: a lease that is renewed while the collector looks at it, expired, is respected', async () => {
    await storeLoose();
    await leaseBlobs(client, 'read:2', [layer], -1_000);
    const paused = pausedClient('commit');
    const renewing = paused.database.transaction(
      (tx) => tx.$executeRaw`
      update blob_lease set expires_at = now() + interval '1 minute' where owner = 'read:2'`,
    );
    await paused.reached;
    await reviewBlobs(collector, now);
    paused.resume();
    expect(await renewing).toBe(1);
    expect(await isStored(layer)).toBe(true);
    await releaseLeases(client, 'read:2');
  });

  it('6: two collectors never do the same work, and never wait for each other', async () => {
    await storeLoose();
    const paused = pausedCollector('commit');
    const review = reviewBlobs(paused.context, now);
    await paused.reached;
    expect(await reviewBlobs(client, now)).toMatchObject({ reviewed: 0 });
    paused.resume();
    expect(await review).toMatchObject({ released: 2 });
    const [one, two] = await Promise.all([deleteTombstones(client), deleteTombstones(collector)]);
    expect(one.deletedObjects + two.deletedObjects).toBe(2);
  });

  it('8: an upload whose process died after the commit, before the row, is swept', async () => {
    const bytes = bytesOf(image, layer);
    const ingest = await openIngest(client, { digest: layer, sizeBytes: bytes.length, owner: 'dead' });
    await ingest.write(bytes);
    const { storageKey } = await ingest.finish();
    await client.database.prisma.$executeRaw`update upload set expires_at = now()`;
    expect(await collectOnce(collector, now)).toMatchObject({ deletedObjects: 1, freedBytes: bytes.length });
    await expect(client.store.open(storageKey)).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
  });

  it('8: an upload that expires while it is admitted is either swept or a blob', async () => {
    const bytes = bytesOf(image, layer);
    const ingest = await openIngest(client, { digest: layer, sizeBytes: bytes.length, owner: 'slow' });
    await ingest.write(bytes);
    const stored = await ingest.finish();
    await client.database.prisma.$executeRaw`update upload set expires_at = now()`;
    const paused = pausedClient('commit');
    const admission = paused.database.transaction((tx) => admitBlobs(tx, [stored], { owner: 'slow' }));
    await paused.reached;
    expect(await collectOnce(collector, now)).toMatchObject({ deletedObjects: 0 });
    paused.resume();
    expect(await admission).toEqual({ storedAlready: [] });
    expect(await readBlob(client, layer, 1_000_000)).toEqual(bytes);
    await releaseLeases(client, 'slow');
  });

  it('13: the same digest stored twice at once is one blob', async () => {
    const bytes = bytesOf(image, layer);
    const contexts = [client, collector, client, collector];
    await Promise.all(contexts.map((context, n) => storeBytes(context, bytes, { owner: `twin:${n}` })));
    expect(await isStored(layer)).toBe(true);
    expect(await client.database.prisma.blobLease.count({ where: { blobDigest: layer } })).toBe(4);
    for (const n of contexts.keys()) await releaseLeases(client, `twin:${n}`);
  });

  it('14: releases of the same blobs in opposite orders do not deadlock', async () => {
    const digests: Digest[] = [];
    for (let n = 0; n < 12; n++) {
      digests.push((await storeBytes(client, Buffer.from(`deadlock ${n}`), { owner: 'loose' })).digest);
    }
    // Without the retry of `transaction`, so that a deadlock shows.
    const failures: string[] = [];
    const release = async (context: ContentContext, owner: string, order: Digest[]): Promise<void> => {
      await context.database.prisma
        .$transaction(async (tx) => {
          await tx.$executeRaw`
            delete from blob_lease l using unnest(${order}::text[]) with ordinality as o (digest, n)
             where l.owner = ${owner} and l.blob_digest = o.digest`;
        })
        .catch((error: unknown) => failures.push(sqlState(error)));
    };
    for (let round = 0; round < 30; round++) {
      await leaseBlobs(client, 'up', digests, 60_000);
      await leaseBlobs(client, 'down', [...digests].reverse(), 60_000);
      await Promise.all([release(client, 'up', digests), release(collector, 'down', [...digests].reverse())]);
    }
    expect(failures).toEqual([]);
    await releaseLeases(client, 'loose');
  });
});
