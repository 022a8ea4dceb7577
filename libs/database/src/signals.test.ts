import { setTimeout as sleep } from 'node:timers/promises';
import { createTestDatabase, type TestDatabase } from '@entrepot/testing';
import { type Database, openDatabase } from './database.js';
import { notify } from './signals.js';

describe('signals', () => {
  let server: TestDatabase;
  let listener: Database;
  let sender: Database;
  beforeAll(async () => {
    server = await createTestDatabase();
    listener = openDatabase(server.url);
    sender = openDatabase(server.url);
  });
  afterAll(async () => {
    await Promise.all([listener.close(), sender.close()]);
    await server.drop();
  });

  /** Counts what comes; the connection's own beginning counts as well, so that is waited for first. */
  async function counting(topic: string) {
    const seen = { count: 0 };
    const end = listener.signals.on(topic, () => seen.count++);
    await until(() => isListening());
    await sleep(20);
    seen.count = 0;
    return { seen, end };
  }

  async function isListening(): Promise<boolean> {
    const [row] = await sender.prisma.$queryRaw<{ n: number }[]>`
      select count(*)::int as n from pg_stat_activity
       where datname = current_database() and application_name like '% signals' and query = 'listen entrepot'`;
    return (row?.n ?? 0) > 0;
  }

  async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = performance.now() + 10_000;
    while (!(await holds())) {
      if (performance.now() > deadline) throw new Error('it did not come');
      await sleep(10);
    }
  }

  it('reach those who listen to the topic, after the commit and only then', async () => {
    const { seen, end } = await counting('pull:1');
    const other = await counting('pull:2');
    await sender.transaction(async (tx) => {
      await notify(tx, ['pull:1', 'pull:3']);
      await sleep(100);
      expect(seen.count).toBe(0);
    });
    await until(() => seen.count > 0);
    await sender
      .transaction(async (tx) => {
        await notify(tx, ['pull:1']);
        throw new Error('rolled back');
      })
      .catch(() => {});
    await sleep(50);
    expect(seen.count).toBe(1);
    expect(other.seen.count).toBe(0);
    end();
    await notify(sender.prisma, ['pull:1']);
    await sleep(50);
    expect(seen.count).toBe(1);
    other.end();
  });

  it('come back by themselves after the connection was lost, and wake everybody then', async () => {
    const { seen, end } = await counting('pull:1');
    await sender.prisma.$queryRaw`
      select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name like '% signals'`;
    await until(() => seen.count === 1);
    await notify(sender.prisma, ['pull:1']);
    await until(() => seen.count === 2);
    end();
  });

  it('are not lost between a look at the tables and the wait', async () => {
    await counting('x');
    const watch = listener.signals.watch('pull:1');
    await notify(sender.prisma, ['pull:1']);
    await sleep(50);
    const askedAt = performance.now();
    await watch.wait({ timeoutMs: 5_000 });
    expect(performance.now() - askedAt).toBeLessThan(100);
    await watch.wait({ timeoutMs: 80 });
    expect(performance.now() - askedAt).toBeGreaterThan(70);
    watch.close();
  });

  it('end a wait at the time-out and when the caller gives up', async () => {
    const askedAt = performance.now();
    await listener.signals.waitFor('never', { timeoutMs: 60 });
    expect(performance.now() - askedAt).toBeGreaterThan(50);
    await listener.signals.waitFor('never', { timeoutMs: 5_000, signal: AbortSignal.timeout(60) });
    await listener.signals.waitFor('never', { timeoutMs: 5_000, signal: AbortSignal.abort() });
    expect(performance.now() - askedAt).toBeLessThan(1_000);
  });
});
