import { createConnection } from 'node:net';
import { describeWith } from './optional.js';
import { startRedis } from './redis-server.js';

describeWith('redis', 'a throw-away Redis', () => {
  it('keeps what it acknowledged over a crash, and is gone after stop', async () => {
    const redis = await startRedis();
    if (redis === null || process.env.ENTREPOT_TEST_REDIS_URL) return;
    try {
      expect(await command(redis.url, 'SET kept yes')).toContain('+OK');
      await redis.crash();
      await expect(command(redis.url, 'PING')).rejects.toThrow('ECONNREFUSED');
      await redis.start();
      expect(await command(redis.url, 'GET kept')).toContain('yes');
      expect(await command(redis.url, 'CONFIG GET maxmemory-policy')).toContain('noeviction');
    } finally {
      await redis.stop();
    }
    await expect(command(redis.url, 'PING')).rejects.toThrow('ECONNREFUSED');
  });
});

/** Sends one inline command and gives the answer. */
function command(url: string, line: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = createConnection(Number(port), hostname, () => socket.write(`${line}\r\n`));
    socket.once('error', reject);
    socket.once('data', (bytes) => {
      socket.destroy();
      resolve(bytes.toString());
    });
  });
}
