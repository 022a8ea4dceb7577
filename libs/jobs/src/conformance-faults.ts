import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fast, idle, newJob, openProxy, type QueueServer, takeAndDie, takeAway, until } from './conformance-tools.js';
import type { JobQueue } from './job-queue.js';
import { migrateQueue, openQueue, type QueueOptions } from './open-queue.js';

/** What every backend of the queue must survive. */
export function describeQueueFaults(technology: string, startServer: () => Promise<QueueServer>): void {
  describe(`a job queue on ${technology}, in trouble,`, () => {
    let server: QueueServer;
    const queues: JobQueue[] = [];

    beforeAll(async () => {
      server = await startServer();
      await migrateQueue(server.url);
    });
    afterEach(async () => {
      await Promise.all(queues.splice(0).map((queue) => queue.close()));
    });
    afterAll(() => server?.stop());

    const open = (options: QueueOptions = {}, url = server.url) => {
      const queue = openQueue(url, { ...options, timings: { ...fast, ...options.timings } });
      queues.push(queue);
      return queue;
    };

    it('goes on after the backend was killed, and finishes the job that ran meanwhile without running it again', async () => {
      const job = newJob();
      const errors: Error[] = [];
      const queue = open({ onError: (error) => errors.push(error), timings: { lockMs: 15_000 } });
      const runs: string[] = [];
      let release = () => {};
      queue.work(job, async ({ id }) => {
        runs.push(id);
        if (id === 'running') await new Promise<void>((resolve) => (release = resolve));
      });
      const idleJob = newJob();
      let idleRuns = 0;
      await queue.work(idleJob, async () => void idleRuns++).waitReady();
      await queue.enqueueMany(job, [{ id: 'running' }, { id: 'waiting' }]);
      await until(() => runs.length === 1);
      await sleep(commitDelayMs);

      await server.crash();
      release();
      await expect(queue.ping()).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE', retryable: true });
      await sleep(1_000);
      await server.start();

      await until(() => runs.length === 2);
      const writer = open();
      const askedAt = Date.now();
      await writer.enqueue(idleJob, { id: 'new' });
      await until(() => idleRuns === 1);
      expect(Date.now() - askedAt).toBeLessThan(3_000);
      await until(() => idle(queue, job));
      expect(runs).toEqual(['running', 'waiting']);
      expect(errors.length).toBeGreaterThan(0);
      expect(errors.length).toBeLessThan(20);
    });

    it('keeps a retryAt that comes while the backend is away', async () => {
      const job = newJob();
      const queue = open({ timings: { lockMs: 15_000 } });
      const attempts: number[] = [];
      let release = () => {};
      queue.work(job, async (_payload, { attempt }) => {
        attempts.push(attempt);
        if (attempts.length > 1) return;
        await new Promise<void>((resolve) => (release = resolve));
        return { retryAt: new Date() };
      });
      await queue.enqueue(job, { id: 'a' });
      await until(() => attempts.length === 1);
      await sleep(commitDelayMs);
      await server.crash();
      release();
      await sleep(300);
      await server.start();
      await until(() => attempts.length === 2);
      expect(attempts).toEqual([1, 1]);
    });

    it('starts working when a backend that was away at the start comes', async () => {
      const job = newJob();
      await open().enqueue(job, { id: 'a' });
      await sleep(commitDelayMs);
      await server.crash();
      const errors: Error[] = [];
      const queue = open({ onError: (error) => errors.push(error), timings: { answerMs: 500 } });
      let runs = 0;
      queue.work(job, async () => void runs++);
      await expect(queue.enqueue(job, { id: 'b' })).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
      await server.start();
      await queue.waitReady();
      await until(() => runs >= 1);
      expect(errors.length).toBeLessThan(20);
    });

    it('closes within a second when the backend is gone, whatever runs', async () => {
      const job = newJob();
      const queue = open();
      let runs = 0;
      queue.work(job, () => {
        runs++;
        return new Promise(() => {});
      });
      const resting = queue.work(newJob(), async () => {});
      await queue.enqueue(job, { id: 'a' });
      await until(() => runs === 1);
      await resting.waitReady();
      await server.crash();
      const never = open();
      never.work(newJob(), async () => {});
      await sleep(300);
      const from = Date.now();
      await Promise.all([queue.close(), never.close()]);
      expect(Date.now() - from).toBeLessThan(1_000);
      await expect(queue.enqueue(job, { id: 'b' })).rejects.toThrow(/closed/);
      await server.start();
    });

    it('gives up on a backend that does not answer, closes within a second, and goes on when it answers again', async () => {
      const proxy = await openProxy(server.url);
      const job = newJob();
      const queue = open({ timings: { answerMs: 400 } }, proxy.url);
      let runs = 0;
      await queue.work(job, async () => void runs++).waitReady();
      await queue.enqueue(job, { id: 'a' });
      await until(() => runs === 1);
      proxy.freeze();
      const closing = open({}, proxy.url);
      closing.work(job, async () => {});
      await expect(queue.ping()).rejects.toThrow('queue unavailable: ping: no answer');
      const from = Date.now();
      await closing.close();
      expect(Date.now() - from).toBeLessThan(1_000);
      proxy.thaw();
      await queue.ping();
      await queue.enqueue(job, { id: 'b' });
      await until(() => runs === 2);
      await queue.close();
      proxy.close();
    });

    it('gives the job of a dead worker to another one', async () => {
      const job = newJob();
      const queue = open();
      await queue.enqueue(job, { id: 'a' });
      await takeAndDie(server.url, job.name);
      const attempts: number[] = [];
      queue.work(job, async (_payload, { attempt }) => void attempts.push(attempt));
      await until(() => attempts.length === 1);
      expect(attempts).toEqual([1]);
    });

    it('tells a handler that its lock was lost', async () => {
      const job = newJob();
      const queue = open();
      let reason: unknown;
      queue.work(job, async (_payload, { signal }) => {
        await once(signal, 'abort');
        reason ??= signal.reason;
      });
      await queue.enqueue(job, { id: 'a' });
      await until(async () => (await queue.queueCounts())[job.name]?.active === 1);
      await takeAway(server.url, job.name);
      await until(() => reason !== undefined);
      expect(reason).toEqual(new Error('the lock was lost'));
    });

    it('puts a running job back when it closes, without using up an attempt', async () => {
      const job = newJob();
      const leaving = open();
      const reasons: unknown[] = [];
      leaving.work(job, async (_payload, { signal }) => {
        await once(signal, 'abort');
        reasons.push(signal.reason);
        throw new Error('stopped');
      });
      await leaving.enqueue(job, { id: 'a' });
      await until(async () => (await leaving.queueCounts())[job.name]?.active === 1);
      const attempts: number[] = [];
      await open()
        .work(job, async (_payload, { attempt }) => void attempts.push(attempt))
        .waitReady();
      await leaving.close();
      await until(() => attempts.length === 1, 1_000);
      expect(attempts).toEqual([1]);
      expect(reasons).toEqual([new Error('the worker closes')]);
    });

    it('lets a running job end within the grace, and takes no other', async () => {
      const job = newJob();
      const queue = open();
      const runs: string[] = [];
      queue.work(job, async ({ id }) => {
        await sleep(300);
        runs.push(id);
      });
      await queue.enqueueMany(job, [{ id: 'a' }, { id: 'b' }]);
      await until(async () => (await queue.queueCounts())[job.name]?.active === 1);
      const from = Date.now();
      await queue.close(5_000);
      expect(Date.now() - from).toBeLessThan(1_000);
      expect(runs).toEqual(['a']);
      expect((await open().queueCounts())['fetch-blob']).toBeDefined();
    });

    it('drops a job that was cancelled here, and knows no other', async () => {
      const job = newJob();
      const queue = open();
      let runs = 0;
      queue.work(job, async (_payload, { signal }) => {
        runs++;
        await once(signal, 'abort');
        throw signal.reason;
      });
      await queue.enqueue(job, { id: 'a' });
      await until(() => runs === 1);
      expect(queue.cancelLocal(job, { id: 'b' })).toBe(false);
      expect(queue.cancelLocal(job, { id: 'a' }, 'nobody waits')).toBe(true);
      await until(() => idle(queue, job));
      expect((await queue.queueCounts())[job.name]?.failed).toBe(0);
      expect(runs).toBe(1);
    });
  });
}

/** PostgreSQL as the queue uses it may forget in a crash what it confirmed less than 600 ms ago. */
const commitDelayMs = 700;
