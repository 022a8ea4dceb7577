// A thousand items in one batch with two pullers, on each kind of queue: whatever dies on the way, no item is lost and none
// is done twice. Four repositories share each image, so that most items move few bytes.
import {
  buildImage,
  describeWith,
  type RedisServer,
  startRedis,
  startUpstream,
  type UpstreamRegistry,
} from '@entrepot/testing';
import { type Stack, startStack } from './stack.js';

const itemCount = 1_000;
const imageCount = 250;

interface Batch {
  id: string;
  state: string;
  counts: Record<string, number>;
}

const queues = [
  { name: 'PostgreSQL', needs: [] as const },
  { name: 'Redis', needs: ['redis'] as const },
];

for (const { name, needs } of queues) {
  describeWith(needs, `a batch of a thousand on ${name}`, () => {
    let upstream: UpstreamRegistry;
    let redis: RedisServer | null = null;
    let stack: Stack;

    beforeAll(async () => {
      upstream = await startUpstream();
      const base = [{ name: 'base', content: 'the same everywhere\n'.repeat(1_000) }];
      for (let index = 0; index < imageCount; index++) {
        const image = await buildImage({ layers: [base, [{ name: 'own', content: `image ${index}\n` }]] });
        for (let item = index; item < itemCount; item += imageCount) upstream.putImage(`many/item-${item}`, image, '1');
      }
      if (needs.length > 0) redis = await startRedis();
      stack = await startStack({ environment: redis === null ? {} : { QUEUE_URL: redis.url } });
    }, 120_000);

    afterAll(async () => {
      await stack?.stop();
      await redis?.stop();
      await upstream?.close();
    }, 60_000);

    const ask = async (path: string, body?: object): Promise<Batch> => {
      const request = body && {
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      };
      const answer = await fetch(`${stack.url}/api/v1${path}`, request);
      if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
      return (await answer.json()) as Batch;
    };

    /** Looks until something holds, since nothing here may depend on how fast the machine is. */
    const until = async (id: string, holds: (batch: Batch) => boolean): Promise<Batch> => {
      for (;;) {
        const batch = await ask(`/batches/${id}`);
        if (holds(batch)) return batch;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    };

    it('survives the death of a puller and of the queue in the middle', async () => {
      const items = Array.from({ length: itemCount }, (_, index) => `${upstream.host}/many/item-${index}:1`);
      const { id } = await ask('/batches', { items });
      await until(id, ({ counts }) => (counts.done ?? 0) > itemCount / 10);
      const puller = stack.services.find((service) => service.name.startsWith('puller'));
      await puller?.kill();
      await stack.start('puller');
      await until(id, ({ counts }) => (counts.done ?? 0) > itemCount / 3);
      await redis?.crash();
      await redis?.start();
      await until(id, ({ counts }) => (counts.done ?? 0) > (2 * itemCount) / 3);
      await redis?.crash();
      await redis?.start({ empty: true });
      const { counts, state } = await until(id, (batch) => batch.state !== 'running' && batch.state !== 'planning');
      expect([state, counts.done, counts.failed]).toEqual(['done', itemCount, 0]);
      const { prisma } = stack.database;
      expect(await prisma.image.count()).toBe(imageCount);
      expect(await prisma.pull.count()).toBe(itemCount);
      const events = await prisma.tagEvent.groupBy({ by: ['repositoryName'], _count: true });
      expect(events.filter(({ _count }) => _count !== 1)).toEqual([]);
      expect(events).toHaveLength(itemCount);
      // What was under way when the puller died is fetched again, nothing else: it runs four transfers.
      const gets = upstream.requests.filter(({ kind, method }) => kind === 'blob' && method === 'GET');
      expect(gets.length - new Set(gets.map(({ reference }) => reference)).size).toBeLessThanOrEqual(4);
      expect(await stack.violations()).toEqual([]);
    }, 900_000);
  });
}
