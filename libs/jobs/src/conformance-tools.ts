import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createPostgresBackend, Queue, Worker } from 'bullmq';
import { z } from 'zod';
import { defineJob, type JobDefinition } from './define-job.js';
import type { JobQueue } from './job-queue.js';

/** A server that a queue can be tried on. */
export interface QueueServer {
  url: string;
  crash(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** What the jobs of these tests carry. */
export type Payload = { id: string };

/** Timings that make a test of patience short. */
export const fast = { lockMs: 1_500, stalledCheckMs: 500, backoffMs: 5, knockMs: 100 };

/** A job that no other test has. */
export function newJob(name = `try-${randomUUID().slice(0, 8)}`): JobDefinition<Payload> {
  return defineJob({ name, payload: z.object({ id: z.string() }), jobId: ({ id }) => `job-${id}` });
}

/** Waits for something to become true. */
export async function until(isTrue: () => boolean | Promise<boolean>, timeoutMs = 15_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await isTrue())) {
    if (Date.now() > deadline) throw new Error(`not true within ${timeoutMs} ms: ${isTrue.toString()}`);
    await sleep(5);
  }
}

/** Whether nothing of this job waits or runs. */
export async function idle(queue: JobQueue, job: JobDefinition<Payload>): Promise<boolean> {
  const { waiting, active, delayed } = (await queue.queueCounts())[job.name] ?? { waiting: 1, active: 1, delayed: 1 };
  return waiting + active + delayed === 0;
}

/** Does what kill -9 does to a worker: takes a job and is never heard of again. */
export async function takeAndDie(url: string, name: string): Promise<void> {
  const worker = url.startsWith('redis')
    ? new Worker(name, null, { connection: { url }, prefix: 'entrepot', lockDuration: fast.lockMs })
    : new Worker(name, null, { connection: url, lockDuration: fast.lockMs }, createPostgresBackend);
  const taken = await worker.getNextJob('dead');
  expect(taken).toBeDefined();
  await worker.close(true);
}

/** Makes a worker lose its lock, as it does when its process or the backend stood still for too long. */
export async function takeAway(url: string, name: string): Promise<void> {
  if (url.startsWith('redis')) {
    const queue = new Queue(name, { connection: { url }, prefix: 'entrepot' });
    await (await queue.getBackend().client).del(`${queue.toKey('job-a')}:lock`);
    return queue.close();
  }
  const queue = new Queue(name, { connection: url }, createPostgresBackend);
  const [job] = await queue.getActive();
  await job?.moveToWait('0');
  await queue.close();
}

/** A loopback relay that can stop passing bytes without closing anything. */
export async function openProxy(url: string) {
  const target = new URL(url);
  const { hostname, port } = target;
  const sockets = new Set<Socket>();
  let frozen = false;
  const relay = createServer((from) => {
    const to = connect(Number(port), hostname);
    for (const [socket, other] of [
      [from, to],
      [to, from],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('data', (bytes) => other.write(bytes));
      socket.on('close', () => other.destroy());
      if (frozen) socket.pause();
    }
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  target.port = String((relay.address() as { port: number }).port);
  return {
    url: target.href,
    freeze: () => {
      frozen = true;
      for (const socket of sockets) socket.pause();
    },
    thaw: () => {
      frozen = false;
      for (const socket of sockets) socket.resume();
    },
    close: () => {
      relay.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
