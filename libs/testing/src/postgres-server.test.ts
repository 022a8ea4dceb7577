import { connect } from 'node:net';
import { startPostgres } from './postgres-server.js';

describe('a throw-away PostgreSQL', () => {
  it('comes back after a crash on the same address, and is gone after stop', async () => {
    const postgres = await startPostgres();
    const { port } = new URL(postgres.url);
    try {
      expect(await accepts(port)).toBe(true);
      await postgres.crash();
      expect(await accepts(port)).toBe(false);
      await postgres.start();
      expect(await accepts(port)).toBe(true);
    } finally {
      await postgres.stop();
    }
    expect(await accepts(port)).toBe(false);
  });
});

function accepts(port: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(Number(port), '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
