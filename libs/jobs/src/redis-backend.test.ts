import { describeWith, startRedis } from '@entrepot/testing';
import { describeJobQueue, type QueueServer } from './conformance.js';
import { describeQueueFaults } from './conformance-faults.js';

describeWith('redis', 'Redis', () => {
  const start = async () => (await startRedis()) as QueueServer;
  describeJobQueue('Redis', start);
  describeQueueFaults('Redis', start);
});
