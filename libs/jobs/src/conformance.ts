import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { fast, idle, newJob, type Payload, type QueueServer, until } from './conformance-tools.js';
import { defineJob } from './define-job.js';
import type { JobContext, JobQueue } from './job-queue.js';
import { migrateQueue, openQueue, type QueueOptions } from './open-queue.js';

/** What every backend of the queue must do; each backend's test is one call. */
export function describeJobQueue(technology: string, startServer: () => Promise<QueueServer>): void {
  describe(`a job queue on ${technology}`, () => {
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

    const open = (options: QueueOptions = {}) => {
      const queue = openQueue(server.url, { ...options, timings: { ...fast, ...options.timings } });
      queues.push(queue);
      return queue;
    };

    describe('delivers', () => {
      it('a payload from one process to a worker of another', async () => {
        const job = newJob();
        const seen: Payload[] = [];
        await open().enqueue(job, { id: 'a' });
        const contexts: JobContext[] = [];
        open().work(job, async (payload, context) => {
          seen.push(payload);
          contexts.push(context);
        });
        await until(() => seen.length === 1);
        expect(seen).toEqual([{ id: 'a' }]);
        expect(contexts[0]).toMatchObject({ jobId: 'job-a', attempt: 1, lastAttempt: false });
      });

      it('many payloads at once, each id once', async () => {
        const job = newJob();
        const queue = open();
        const seen: string[] = [];
        const ids = Array.from({ length: 1_200 }, (_, index) => `n${index}`);
        await queue.enqueueMany(
          job,
          [...ids, ...ids].map((id) => ({ id })),
        );
        expect((await queue.queueCounts())[job.name]).toMatchObject({ waiting: ids.length });
        queue.work(job, async ({ id }) => void seen.push(id), { concurrency: 20 });
        await until(() => seen.length >= ids.length);
        await sleep(50);
        expect(seen.toSorted()).toEqual(ids.toSorted());
      });

      it('no more jobs at once than the concurrency', async () => {
        const job = newJob();
        const queue = open();
        let running = 0;
        let most = 0;
        let done = 0;
        queue.work(
          job,
          async () => {
            most = Math.max(most, ++running);
            await sleep(20);
            running--;
            done++;
          },
          { concurrency: 3 },
        );
        await queue.enqueueMany(
          job,
          ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((id) => ({ id })),
        );
        await until(() => done === 7);
        expect(most).toBe(3);
      });

      it('smaller priority numbers first', async () => {
        const job = newJob();
        const queue = open();
        const seen: string[] = [];
        await queue.enqueue(job, { id: 'batch' }, { priority: 10 });
        await queue.enqueue(job, { id: 'interactive' }, { priority: 1 });
        await queue.enqueue(job, { id: 'plain' });
        expect((await queue.queueCounts())[job.name]).toMatchObject({ waiting: 3 });
        queue.work(job, async ({ id }) => void seen.push(id));
        await until(() => seen.length === 3);
        expect(seen).toEqual(['plain', 'interactive', 'batch']);
      });

      it('a delayed job when it is due, to a worker that already waits', async () => {
        const job = newJob();
        const queue = open();
        let doneAt = 0;
        const worker = queue.work(job, async () => {
          doneAt = Date.now();
        });
        await worker.waitReady();
        await sleep(100);
        const askedAt = Date.now();
        await queue.enqueue(job, { id: 'a' }, { delayMs: 300 });
        expect((await queue.queueCounts())[job.name]).toMatchObject({ delayed: 1, waiting: 0 });
        await until(() => doneAt > 0);
        expect(doneAt - askedAt).toBeGreaterThanOrEqual(295);
        expect(doneAt - askedAt).toBeLessThan(800);
      });

      it('one job within a few milliseconds', async () => {
        const job = newJob();
        const queue = open();
        let done = () => {};
        await queue.work(job, async () => done()).waitReady();
        await sleep(100);
        const took: number[] = [];
        for (let n = 0; n < 60; n++) {
          const finished = new Promise<void>((resolve) => (done = resolve));
          const from = performance.now();
          await queue.enqueue(job, { id: `n${n}` });
          await finished;
          took.push(performance.now() - from);
          await sleep(5);
        }
        took.sort((a, b) => a - b);
        process.stdout.write(`${technology}: p50 ${took[30]?.toFixed(1)} ms, p95 ${took[57]?.toFixed(1)} ms\n`);
        expect(took[30]).toBeLessThan(100);
      });
    });

    describe('keeps one job per id', () => {
      it('while it waits', async () => {
        const job = newJob();
        const queue = open();
        await queue.enqueue(job, { id: 'a' });
        await queue.enqueue(job, { id: 'a' });
        await queue.enqueueMany(job, [{ id: 'a' }, { id: 'b' }]);
        expect((await queue.queueCounts())[job.name]).toMatchObject({ waiting: 2 });
      });

      it('and frees the id when the job is done', async () => {
        const job = newJob();
        const queue = open();
        let runs = 0;
        queue.work(job, async () => void runs++);
        await queue.enqueue(job, { id: 'a' });
        await until(async () => runs === 1 && (await idle(queue, job)));
        await queue.enqueue(job, { id: 'a' });
        await until(() => runs === 2);
      });

      it.each([0, 20])(
        'and a job that failed for good runs again when it is asked for again with %d others',
        async (count) => {
          const job = newJob();
          const queue = open();
          const runs: string[] = [];
          const others = Array.from({ length: count }, (_, index) => ({ id: `z${index}` }));
          queue.work(job, async ({ id }) => {
            runs.push(id);
            throw new FinalError();
          });
          const failed = async () => (await queue.queueCounts())[job.name]?.failed;
          await queue.enqueueMany(job, [{ id: 'a' }, { id: 'b' }]);
          await until(async () => (await failed()) === 2);
          await sleep(5);
          await queue.enqueue(job, { id: 'a' });
          await until(async () => runs.length === 3 && (await failed()) === 2);
          await queue.enqueueMany(job, [{ id: 'b' }, { id: 'c' }, ...others]);
          await until(async () => runs.length === 5 + count && (await failed()) === 3 + count);
          expect(runs.toSorted().slice(0, 5)).toEqual(['a', 'a', 'b', 'b', 'c']);
        },
      );

      it('and a wish made while it runs is not remembered', async () => {
        const job = newJob();
        const queue = open();
        let runs = 0;
        let release = () => {};
        queue.work(job, () => {
          runs++;
          return new Promise((resolve) => (release = resolve));
        });
        await queue.enqueue(job, { id: 'a' });
        await until(() => runs === 1);
        await queue.enqueue(job, { id: 'a' });
        release();
        await until(() => idle(queue, job));
        expect(runs).toBe(1);
      });
    });

    describe('judges what a handler does', () => {
      it('an error that may pass is tried five times', async () => {
        const job = newJob();
        const queue = open();
        const contexts: JobContext[] = [];
        queue.work(job, async (_payload, context) => {
          contexts.push(context);
          throw new Error('connection reset');
        });
        await queue.enqueue(job, { id: 'a' });
        await until(async () => (await queue.queueCounts())[job.name]?.failed === 1);
        expect(contexts.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5]);
        expect(contexts.map(({ lastAttempt }) => lastAttempt)).toEqual([false, false, false, false, true]);
      });

      it('an error that is not retryable fails the job at once', async () => {
        const job = newJob();
        const queue = open();
        let runs = 0;
        queue.work(job, async () => {
          runs++;
          throw new FinalError();
        });
        await queue.enqueue(job, { id: 'a' });
        await until(async () => (await queue.queueCounts())[job.name]?.failed === 1);
        await sleep(100);
        expect(runs).toBe(1);
      });

      it('retryAt puts it back until then without using up an attempt', async () => {
        const job = newJob();
        const queue = open();
        const seen: { attempt: number; at: number }[] = [];
        queue.work(job, async (_payload, { attempt }) => {
          seen.push({ attempt, at: Date.now() });
          if (seen.length <= 6) return { retryAt: new Date(Date.now() + 100) };
        });
        await queue.enqueue(job, { id: 'a' });
        await until(async () => seen.length === 7 && (await idle(queue, job)));
        expect(seen.map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1, 1, 1, 1]);
        expect((seen[1]?.at ?? 0) - (seen[0]?.at ?? 0)).toBeGreaterThanOrEqual(95);
      });

      it('an attempt is counted on, after a retryAt in between', async () => {
        const job = newJob();
        const queue = open();
        const attempts: number[] = [];
        queue.work(job, async (_payload, { attempt }) => {
          attempts.push(attempt);
          if (attempts.length === 1) throw new Error('once');
          if (attempts.length === 2) return { retryAt: new Date() };
        });
        await queue.enqueue(job, { id: 'a' });
        await until(async () => attempts.length === 3 && (await idle(queue, job)));
        expect(attempts).toEqual([1, 2, 2]);
      });

      it('a payload from another version fails for good, visibly', async () => {
        const name = `try-${randomUUID().slice(0, 8)}`;
        const old = defineJob({ name, payload: z.object({ old: z.string() }), jobId: ({ old: id }) => `job-${id}` });
        const errors: Error[] = [];
        const queue = open({ onError: (error) => errors.push(error) });
        await queue.enqueue(old, { old: 'secret-value' });
        let runs = 0;
        queue.work(newJob(name), async () => void runs++);
        await until(async () => (await queue.queueCounts())[name]?.failed === 1);
        expect(runs).toBe(0);
        expect(errors.map(({ message }) => message)).toEqual([`job ${name}: invalid payload (id)`]);
      });
    });

    it('refuses a payload that the job cannot carry, naming the field and not the value', async () => {
      const queue = open();
      const job = newJob();
      const wrong = { id: 17 } as unknown as Payload;
      await expect(queue.enqueue(job, wrong)).rejects.toMatchObject({ code: 'INVALID_PAYLOAD', fields: ['id'] });
      await expect(queue.enqueueMany(job, [{ id: 'a' }, wrong])).rejects.toThrow(/invalid payload \(id\)$/);
      expect((await queue.queueCounts())[job.name]?.waiting ?? 0).toBe(0);
    });

    it('has one worker for each job in a process', () => {
      const queue = open();
      const job = newJob();
      queue.work(job, async () => {});
      expect(() => queue.work(job, async () => {})).toThrow(`job ${job.name} has a worker in this process already`);
    });

    it('counts the jobs of the catalogue and those it was asked for', async () => {
      const queue = open();
      const job = newJob();
      await queue.enqueue(job, { id: 'a' });
      const counts = await queue.queueCounts();
      expect(counts['fetch-blob']).toEqual({ waiting: 0, active: 0, delayed: 0, failed: 0 });
      expect(counts[job.name]).toEqual({ waiting: 1, active: 0, delayed: 0, failed: 0 });
    });
  });
}

class FinalError extends Error {
  readonly retryable = false;
}
