import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '@entrepot/database';

export interface PostgresServer {
  /** For tables; the same after `start`. */
  readonly url: string;
  /** For the job queue: another role, whose commits do not wait for the disk. */
  readonly queueUrl: string;
  /** Kills it without warning. */
  crash(): Promise<void>;
  /** Starts it again after `crash`, on the same port and files. */
  start(): Promise<void>;
  /** Ends it and removes its files. Idempotent. */
  stop(): Promise<void>;
}

/** A throw-away PostgreSQL on a free loopback port, empty but for its roles. */
export async function startPostgres(): Promise<PostgresServer> {
  const folder = await mkdtemp(join(tmpdir(), 'entrepot-postgres-'));
  const options = { dataDir: folder, port: await freePort(), throwAway: true };
  try {
    return new LocalPostgres(options, await startEmbeddedPostgres(options));
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

class LocalPostgres implements PostgresServer {
  readonly url: string;
  readonly queueUrl: string;
  #running: EmbeddedPostgres | null;

  constructor(
    private readonly options: { dataDir: string; port: number; throwAway: boolean },
    running: EmbeddedPostgres,
  ) {
    this.url = running.url;
    this.queueUrl = running.queueUrl;
    this.#running = running;
    process.once('exit', this.#kill);
  }

  async start(): Promise<void> {
    this.#running = await startEmbeddedPostgres(this.options);
  }

  async crash(): Promise<void> {
    this.#kill();
    await this.#running?.ended;
    this.#running = null;
  }

  async stop(): Promise<void> {
    process.off('exit', this.#kill);
    await this.#running?.stop();
    this.#running = null;
    await rm(this.options.dataDir, { recursive: true, force: true });
  }

  readonly #kill = () => {
    if (this.#running !== null) process.kill(this.#running.pid, 'SIGKILL');
  };
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
