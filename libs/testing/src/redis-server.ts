import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { available, findProgram } from './optional.js';

export interface RedisServer {
  /** A `redis://` address, the same after `start`. */
  readonly url: string;
  /** Kills it without warning; what it has acknowledged stays on disk. Not for a server that was only named. */
  crash(): Promise<void>;
  /** Starts it again after `crash`, on the same port and files; `empty` without them, as after the loss of its disk. */
  start(options?: { empty: boolean }): Promise<void>;
  /** Everything that it was told to write since it was empty, jobs that have gone included; '' of a server that was only named. */
  readLog(): Promise<string>;
  /** Ends it and removes its files. Idempotent. */
  stop(): Promise<void>;
}

/**
 * A throw-away Redis on a free loopback port, appending to disk and never evicting, or the one that
 * `ENTREPOT_TEST_REDIS_URL` names. Null when there is neither (`whyMissing('redis')` tells why); throws instead when
 * `ENTREPOT_TEST_REQUIRE` names redis.
 */
export async function startRedis(): Promise<RedisServer | null> {
  if (!available('redis')) return null;
  const given = process.env.ENTREPOT_TEST_REDIS_URL;
  if (given) return namedServer(given);
  const folder = await mkdtemp(join(tmpdir(), 'entrepot-redis-'));
  const server = new LocalRedis(folder, await freePort());
  try {
    await server.start();
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

function namedServer(url: string): RedisServer {
  const refuse = async () => {
    throw new Error('a Redis that was only named cannot be crashed or started');
  };
  return { url, crash: refuse, start: refuse, readLog: async () => '', stop: async () => {} };
}

class LocalRedis implements RedisServer {
  readonly url: string;
  #process: ChildProcess | null = null;

  constructor(
    private readonly folder: string,
    private readonly port: number,
  ) {
    this.url = `redis://127.0.0.1:${port}`;
  }

  async start({ empty }: { empty: boolean } = { empty: false }): Promise<void> {
    if (empty) await rm(join(this.folder, 'appendonlydir'), { recursive: true, force: true });
    this.#process = spawnRedis(this.folder, this.port);
    await answers(this.port, this.#process);
  }

  async crash(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async readLog(): Promise<string> {
    const folder = join(this.folder, 'appendonlydir');
    const files = (await readdir(folder)).filter((name) => name.endsWith('.aof'));
    const texts = await Promise.all(files.map((name) => readFile(join(folder, name), 'latin1')));
    return texts.join('');
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
    await rm(this.folder, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const server = this.#process;
    this.#process = null;
    if (server === null || server.exitCode !== null || server.signalCode !== null) return;
    const gone = once(server, 'exit');
    server.kill(signal);
    const hard = setTimeout(() => server.kill('SIGKILL'), 3_000);
    await gone;
    clearTimeout(hard);
  }
}

function spawnRedis(folder: string, port: number): ChildProcess {
  const program = findProgram('redis-server');
  if (program === null) throw new Error('no redis-server program was found');
  const files = ['--dir', folder, '--appendonly', 'yes', '--save', ''];
  const memory = ['--maxmemory-policy', 'noeviction'];
  const server = spawn(program, ['--bind', '127.0.0.1', '--port', `${port}`, ...files, ...memory], { stdio: 'ignore' });
  const killed = () => server.kill('SIGKILL');
  process.once('exit', killed);
  server.once('exit', () => process.off('exit', killed));
  return server;
}

async function answers(port: number, server: ChildProcess): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (Date.now() < deadline) {
    if (server.exitCode !== null)
      throw new Error(`redis-server ended with code ${server.exitCode} before it was ready`);
    if (await pong(port)) return;
    await sleep(20);
  }
  throw new Error('redis-server was not ready within 10 s');
}

/** While Redis still loads its files it answers `-LOADING`, which is no pong. */
function pong(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    const done = (ok: boolean) => {
      socket.destroy();
      resolve(ok);
    };
    socket.once('data', (bytes) => done(bytes.toString().startsWith('+PONG')));
    socket.once('error', () => done(false));
    socket.setTimeout(1_000, () => done(false));
  });
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
