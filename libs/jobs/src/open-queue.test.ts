import { migrateQueue, openQueue } from './open-queue.js';

describe('openQueue', () => {
  it.each(['', 'mysql://root:hunter2@db', '/tmp/queue', 'http://queue'])(
    'refuses %j without repeating it',
    async (url) => {
      const expected = expect.objectContaining({ code: 'QUEUE_URL', message: expect.not.stringContaining('hunter2') });
      expect(() => openQueue(url)).toThrow(expected);
      await expect(migrateQueue(url)).rejects.toEqual(expected);
    },
  );

  it('has nothing to migrate on Redis, not even a connection', async () => {
    await expect(migrateQueue('redis://127.0.0.1:1')).resolves.toBeUndefined();
  });
});
