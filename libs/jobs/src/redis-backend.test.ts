import { describeWith, startRedis } from '@entrepot/testing';
import { Redis } from 'ioredis';
import { describeJobQueue } from './conformance.js';
import { describeQueueFaults } from './conformance-faults.js';
import { newJob, type QueueServer, until } from './conformance-tools.js';
import { openQueue } from './open-queue.js';

describeWith('redis', 'Redis', () => {
  describeJobQueue('Redis', start);
  describeQueueFaults('Redis', start);

  it('has two connections for a process and one for each of its workers, and none after closing', async () => {
    const server = await start();
    const observer = new Redis(server.url);
    const connections = async () =>
      String(await observer.client('LIST'))
        .trim()
        .split('\n').length - 1;
    const before = await connections();
    const queue = openQueue(server.url);
    for (let n = 0; n < 3; n++) queue.work(newJob(), async () => {});
    await queue.waitReady();
    await queue.enqueue(newJob(), { id: 'a' });
    expect((await connections()) - before).toBe(5);
    await queue.close();
    await until(async () => (await connections()) === before, 1_000);
    observer.disconnect();
    await server.stop();
  });
});

async function start(): Promise<QueueServer> {
  return (await startRedis()) as QueueServer;
}
