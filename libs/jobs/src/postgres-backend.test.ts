import { startPostgres } from '@entrepot/testing';
import { describeJobQueue, type QueueServer } from './conformance.js';
import { describeQueueFaults } from './conformance-faults.js';

describeJobQueue('PostgreSQL', start);
describeQueueFaults('PostgreSQL', start);

async function start(): Promise<QueueServer> {
  const server = await startPostgres();
  return {
    url: server.queueUrl,
    crash: () => server.crash(),
    start: () => server.start(),
    stop: () => server.stop(),
  };
}
