import { type PostgresServer, startPostgres } from '@entrepot/testing';
import pg from 'pg';
import { describeJobQueue } from './conformance.js';
import { describeQueueFaults } from './conformance-faults.js';
import { fast, newJob, type QueueServer, until } from './conformance-tools.js';
import { migrateQueue, openQueue } from './open-queue.js';

describeJobQueue('PostgreSQL', start);
describeQueueFaults('PostgreSQL', start);

describe('a job queue on PostgreSQL', () => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server?.stop());

  it('works once somebody has migrated, and complains about it sparingly until then', async () => {
    const job = newJob();
    const errors: Error[] = [];
    const queue = openQueue(server.queueUrl, { timings: fast, onError: (error) => errors.push(error) });
    let runs = 0;
    queue.work(job, async () => void runs++);
    await until(() => errors.length > 0);
    expect(errors.map(({ message }) => message)).toEqual([expect.stringMatching(/schema "bullmq" is not initialized/)]);
    await Promise.all([migrateQueue(server.queueUrl), migrateQueue(server.queueUrl)]);
    await migrateQueue(server.queueUrl);
    await queue.enqueue(job, { id: 'a' });
    await until(() => runs === 1);
    expect(errors.length).toBeLessThan(3);
    await queue.close();
  });

  it('has at most five connections for a process with many workers, and none after closing', async () => {
    await migrateQueue(server.queueUrl);
    const queue = openQueue(server.queueUrl);
    const jobs = Array.from({ length: 8 }, () => newJob());
    let runs = 0;
    for (const job of jobs) queue.work(job, async () => void runs++, { concurrency: 10 });
    await queue.waitReady();
    const ids = Array.from({ length: 50 }, (_, index) => ({ id: `n${index}` }));
    await Promise.all(jobs.map((job) => queue.enqueueMany(job, ids)));
    await until(() => runs === 400);
    expect(await connections()).toBeLessThanOrEqual(5);
    await queue.close();
    await until(async () => (await connections()) === 0, 1_000);
  });

  it('says that it cannot migrate, without the password', async () => {
    const wrong = server.queueUrl.replace(/:[0-9a-f]+@/, ':not-the-password@');
    const error: Error = await migrateQueue(wrong).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'QUEUE_UNAVAILABLE', message: 'queue unavailable: migrate' });
    expect(String(error.cause)).not.toContain('not-the-password');
  });

  async function connections(): Promise<number> {
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    try {
      const sql = `select count(*)::int as n from pg_stat_activity where application_name = 'entrepot-jobs'`;
      return (await client.query(sql)).rows[0].n;
    } finally {
      await client.end();
    }
  }
});

async function start(): Promise<QueueServer> {
  const server = await startPostgres();
  return {
    url: server.queueUrl,
    crash: () => server.crash(),
    start: () => server.start(),
    stop: () => server.stop(),
  };
}
