import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { available, findProgram } from './optional.js';

export interface MinioServer {
  /** An `s3://` address with credentials, for `openBlobStore`. */
  url: string;
  stop(): Promise<void>;
}

/**
 * A throw-away MinIO server on a free loopback port, or the one that
 * `ENTREPOT_TEST_S3_URL` names. Null when there is neither (`whyMissing('minio')`
 * tells why); throws instead when `ENTREPOT_TEST_REQUIRE` names minio.
 */
export async function startMinio(): Promise<MinioServer | null> {
  if (!available('minio')) return null;
  const given = process.env.ENTREPOT_TEST_S3_URL;
  if (given) return { url: given, stop: async () => {} };
  const folder = await mkdtemp(join(tmpdir(), 'entrepot-minio-'));
  const port = await freePort();
  const server = spawnMinio(folder, port);
  const stop = async () => {
    await end(server);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await answers(port, server);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: `s3://${user}:${password}@127.0.0.1:${port}/entrepot-test?tls=false`, stop };
}

const user = 'entrepot';
const password = 'entrepot-test-secret';

function spawnMinio(folder: string, port: number): ChildProcess {
  const program = findProgram('minio');
  if (program === null) throw new Error('no minio program was found');
  const server = spawn(program, ['server', folder, '--address', `127.0.0.1:${port}`, '--quiet'], {
    stdio: 'ignore',
    env: {
      ...process.env,
      MINIO_ROOT_USER: user,
      MINIO_ROOT_PASSWORD: password,
      MINIO_BROWSER: 'off',
      MINIO_UPDATE: 'off',
      MINIO_CI_CD: 'on',
    },
  });
  const killed = () => server.kill('SIGKILL');
  process.once('exit', killed);
  server.once('exit', () => process.off('exit', killed));
  return server;
}

async function answers(port: number, server: ChildProcess): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (Date.now() < deadline) {
    if (server.exitCode !== null) throw new Error(`minio ended with code ${server.exitCode} before it was ready`);
    const response = await fetch(`http://127.0.0.1:${port}/minio/health/ready`).catch(() => null);
    await response?.body?.cancel();
    if (response?.ok) return;
    await sleep(50);
  }
  throw new Error('minio was not ready within 20 s');
}

async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const gone = once(server, 'exit');
  server.kill('SIGTERM');
  const hard = setTimeout(() => server.kill('SIGKILL'), 3_000);
  await gone;
  clearTimeout(hard);
}

async function freePort(): Promise<number> {
  const probe = createServer();
  probe.listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, 'close');
  return port;
}
