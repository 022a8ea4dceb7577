import { type ArchiveImage, encodePlan, planArchive } from '@entrepot/archive';
import { archiveOwner, failArchive, findArchive, leaseBlobs, saveArchivePlan } from '@entrepot/database';
import { planArchive as planArchiveJob } from '@entrepot/jobs';
import { createHealth, createLogger, createMetrics } from '@entrepot/observability';
import {
  type BuiltImage,
  buildImage,
  type ContentLab,
  deterministicBytes,
  openContentLab,
  pullImage,
} from '@entrepot/testing';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createCatalog } from '../catalog.js';
import type { CatalogParts } from '../providers.js';

describe('GET /images/get', () => {
  let lab: ContentLab;
  let app: NestFastifyApplication;
  let url: string;
  let image: BuiltImage;

  beforeAll(async () => {
    lab = await openContentLab();
    image = await buildImage({
      layers: [[{ name: 'big', content: deterministicBytes(300_000) }], [{ name: 'small', content: 'x' }]],
    });
    await pullImage(lab.context, image, { reference: 'docker.io/library/saved:1' });
    const { database, store } = lab.context;
    app = await createCatalog({
      config: { secretKey: Buffer.alloc(32), archiverUrls: [], internalSecret: 'x' },
      logger: createLogger({ service: 'test', level: 'silent' }),
      metrics: createMetrics('test'),
      health: createHealth(),
      database,
      store,
      queue: { enqueue: async (_: unknown, { archiveId }: { archiveId: string }) => plan(archiveId) },
    } as unknown as CatalogParts);
    await app.listen({ host: '127.0.0.1', port: 0 });
    url = `${await app.getUrl()}/v1.50/images`;
  });
  afterAll(async () => {
    await app.close();
    await lab.close();
  });

  /** What an archiver does. */
  async function plan(archiveId: string): Promise<void> {
    expect(planArchiveJob.name).toBe('plan-archive');
    const { prisma } = lab.context.database;
    const row = await findArchive(prisma, archiveId);
    const names = (row?.request as { names: string[] } | undefined)?.names ?? [];
    if (names[0] === 'nope:1') {
      await failArchive(prisma, archiveId, { code: 'REFERENCE_UNKNOWN', message: 'reference does not exist' });
      return;
    }
    const saved: ArchiveImage = {
      references: ['docker.io/library/saved:1'],
      target: image,
      children: [],
      shown: image,
    };
    const planned = planArchive([saved]);
    await leaseBlobs(
      prisma,
      archiveOwner(archiveId),
      image.blobs.map(({ digest }) => digest),
      60_000,
    );
    const { sizeBytes, etag } = planned;
    await saveArchivePlan(prisma, archiveId, {
      plan: { archive: encodePlan(planned), imageIds: [image.config.digest] },
      sizeBytes,
      etag,
    });
  }

  const leftovers = async () =>
    lab.context.database.prisma.$queryRaw`
      select (select count(*)::int from archive) as archives,
             (select count(*)::int from blob_lease where owner like 'archive:%') as leases`;

  it('tells size, tag and ranges before the first byte, and keeps nothing afterwards', async () => {
    const answer = await fetch(`${url}/get?names=saved%3A1`);
    const bytes = Buffer.from(await answer.arrayBuffer());
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('application/x-tar');
    expect(answer.headers.get('accept-ranges')).toBe('bytes');
    expect(answer.headers.get('content-length')).toBe(String(bytes.length));
    expect(bytes.includes(image.layers[0]?.bytes as Buffer)).toBe(true);
    expect(await leftovers()).toEqual([{ archives: 0, leases: 0 }]);
    const again = await fetch(`${url}/saved:1/get`);
    expect(Buffer.from(await again.arrayBuffer()).equals(bytes)).toBe(true);
  });

  it('gives any part, also across blobs, and goes on where a download broke off', async () => {
    const whole = Buffer.from(await (await fetch(`${url}/get?names=saved:1`)).arrayBuffer());
    const head = await fetch(`${url}/get?names=saved:1`, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, String(whole.length)]);
    const etag = head.headers.get('etag') as string;
    for (const [from, to] of [
      [0, 1],
      [100, 5000],
      [whole.length - 300_000, whole.length - 10],
      [4096, whole.length],
    ] as const) {
      const part = await fetch(`${url}/get?names=saved:1`, {
        headers: { range: `bytes=${from}-${to - 1}`, 'if-range': etag },
      });
      expect([part.status, part.headers.get('content-range')]).toEqual([
        206,
        `bytes ${from}-${to - 1}/${whole.length}`,
      ]);
      expect(Buffer.from(await part.arrayBuffer()).equals(whole.subarray(from, to))).toBe(true);
    }
    const beyond = await fetch(`${url}/get?names=saved:1`, { headers: { range: `bytes=${whole.length}-` } });
    expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, `bytes */${whole.length}`]);
    expect(await leftovers()).toEqual([{ archives: 0, leases: 0 }]);
  });

  it('says before the first byte what it does not have', async () => {
    const answer = await fetch(`${url}/get?names=nope%3A1`);
    expect([answer.status, await answer.text()]).toEqual([404, '{"message":"reference does not exist"}\n']);
    expect((await fetch(`${url}/get`)).status).toBe(400);
  });

  it('cuts the connection when a blob cannot be read any more', async () => {
    const whole = lab.context.store.pieces;
    // biome-ignore lint/correctness/useYield: it fails before the first one
    lab.context.store.pieces = async function* () {
      throw new Error('gone');
    };
    try {
      const answer = await fetch(`${url}/get?names=saved:1`);
      await expect(answer.arrayBuffer()).rejects.toThrow();
    } finally {
      lab.context.store.pieces = whole;
    }
    expect(await leftovers()).toEqual([{ archives: 0, leases: 0 }]);
  });

  it('lets go when the client leaves in the middle', async () => {
    const leave = new AbortController();
    const answer = await fetch(`${url}/get?names=saved:1`, { signal: leave.signal });
    const reader = answer.body?.getReader();
    await reader?.read();
    leave.abort();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await leftovers()).toEqual([{ archives: 0, leases: 0 }]);
  });
});
