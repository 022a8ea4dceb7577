import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import pg from 'pg';
import { EmbeddedPostgresError, explainLog } from './embedded-postgres-error.js';
import { findLauncher, type Launcher } from './postgres-launcher.js';
import { claimFolder, readStatus } from './postmaster.js';

const databaseName = 'entrepot';
const majorVersion = '17';

export interface EmbeddedPostgresOptions {
  /** The data folder of Entrepot; the cluster lives in `postgres` below it, the password in a file of mode 600. */
  dataDir: string;
  /** A free one when not given. */
  port?: number;
  /** Gets what the server says when it cannot start, line by line. */
  log?: (line: string) => void;
  /** For tests whose data may be lost: no fsync, and the server lives on when this process ends. */
  throwAway?: boolean;
}

/** A PostgreSQL that answers. */
export interface EmbeddedPostgres {
  /** For the tables of Entrepot. */
  readonly url: string;
  /** For the job queue: another role, whose commits do not wait for the disk. */
  readonly queueUrl: string;
  readonly pid: number;
  /** Resolves when the server has ended; running queries are cut off. */
  stop(): Promise<void>;
  /** Settles when the server ends, whoever ended it. */
  readonly ended: Promise<void>;
}

/**
 * Starts the PostgreSQL that comes from npm: made on the first start, recovered after a crash. One process at a time
 * may have a data folder.
 *
 * @throws {EmbeddedPostgresError} one line: disk full, folder of a newer version, folder in use; do not retry
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  await mkdir(options.dataDir, { recursive: true, mode: 0o700 });
  const cluster = join(options.dataDir, 'postgres');
  const launcher = await findLauncher(options.dataDir);
  await claimFolder(options.dataDir, cluster);
  const password = await readPassword(options.dataDir, launcher);
  await initializeOnce(cluster, options, launcher);
  const server = await startServer(cluster, options, launcher);
  const urls = urlsOf(server.port, password);
  try {
    await createDatabaseOnce(urls, password);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return { url: urls.url, queueUrl: urls.queueUrl, pid: server.pid, stop: server.stop, ended: server.ended };
}

async function readPassword(dataDir: string, launcher: Launcher): Promise<string> {
  const file = join(dataDir, 'postgres-password');
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch {
    const password = randomBytes(24).toString('hex');
    await writeFile(file, `${password}\n`, { mode: 0o600 });
    await launcher.own(file);
    return password;
  }
}

/** Made beside its place and renamed, so that a start that was cut off leaves nothing half made. */
async function initializeOnce(cluster: string, options: EmbeddedPostgresOptions, launcher: Launcher): Promise<void> {
  const version = await readFile(join(cluster, 'PG_VERSION'), 'utf8').catch(() => '');
  if (version.trim() === majorVersion) return;
  if (version !== '') {
    throw new EmbeddedPostgresError(
      `data folder ${cluster} was made by PostgreSQL ${version.trim()}, this is PostgreSQL ${majorVersion}`,
    );
  }
  const fresh = `${cluster}.new`;
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { mode: 0o700 });
  await launcher.own(fresh);
  await runInitdb(fresh, options, launcher);
  await rename(fresh, cluster);
}

async function runInitdb(folder: string, options: EmbeddedPostgresOptions, launcher: Launcher): Promise<void> {
  const args = ['-D', folder, '-U', databaseName, `--pwfile=${join(options.dataDir, 'postgres-password')}`];
  args.push('--auth=scram-sha-256', '--encoding=UTF8', '--locale=C', '--locale-provider=builtin');
  args.push('--builtin-locale=C.UTF-8', '--no-instructions', ...(options.throwAway ? ['--no-sync'] : []));
  const child = launcher.spawn('initdb', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (said += String(chunk)));
  const code = await exitOf(child);
  if (code === 0) return;
  await rm(folder, { recursive: true, force: true });
  throw explainLog(said, folder, options.log);
}

interface Server {
  readonly port: number;
  readonly pid: number;
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

async function startServer(cluster: string, options: EmbeddedPostgresOptions, launcher: Launcher): Promise<Server> {
  const logFile = join(options.dataDir, 'postgres.log');
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort());
    const log = await open(logFile, 'w', 0o600);
    const child = launcher.spawn('postgres', ['-D', cluster, ...settings(port, options.throwAway === true)], {
      stdio: ['ignore', log.fd, log.fd],
      detached: true,
      outlive: options.throwAway === true,
    });
    await log.close();
    const ended = exitOf(child).then(() => {});
    if (await becomesReady(cluster, child)) {
      if (options.throwAway) child.unref();
      return { port, pid: child.pid ?? 0, ended, stop: () => stopServer(child, ended) };
    }
    const said = await readFile(logFile, 'utf8');
    // Left-over backends of a killed server end by themselves, and a free port may be taken by another in between.
    const passes = /pre-existing shared memory block|Address already in use/i.test(said);
    if (!passes || attempt === 20) throw explainLog(said, cluster, options.log);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

function settings(port: number, throwAway: boolean): string[] {
  const values = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: 100,
    shared_buffers: '128MB',
    wal_level: 'minimal',
    max_wal_senders: 0,
    jit: 'off',
    max_parallel_workers_per_gather: 0,
    log_min_messages: 'warning',
    fsync: throwAway ? 'off' : 'on',
    full_page_writes: throwAway ? 'off' : 'on',
  };
  return Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/** Says whether the server answers before it ends; crash recovery may take its time. */
async function becomesReady(cluster: string, child: ChildProcess): Promise<boolean> {
  while (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
    const status = await readStatus(cluster);
    if (status?.pid === child.pid && status?.ready) return true;
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
  return false;
}

/** Fast shutdown; at once when that takes longer than 10 s (the next start then recovers). */
async function stopServer(child: ChildProcess, ended: Promise<void>): Promise<void> {
  child.ref();
  child.kill('SIGINT');
  const timer = setTimeout(() => child.kill('SIGQUIT'), 10_000);
  await ended;
  clearTimeout(timer);
}

function urlsOf(port: number, password: string): { admin: string; url: string; queueUrl: string } {
  const at = `127.0.0.1:${port}`;
  return {
    admin: `postgres://${databaseName}:${password}@${at}/postgres`,
    url: `postgres://${databaseName}:${password}@${at}/${databaseName}`,
    queueUrl: `postgres://queue:${password}@${at}/${databaseName}`,
  };
}

async function createDatabaseOnce(urls: { admin: string }, password: string): Promise<void> {
  const client = new pg.Client({ connectionString: urls.admin });
  await client.connect();
  try {
    const { rows } = await client.query('select 1 from pg_database where datname = $1', [databaseName]);
    if (rows.length === 1) return;
    await client.query(`drop role if exists queue`);
    await client.query(`create role queue login password '${password}'`);
    await client.query('alter role queue set synchronous_commit = off');
    await client.query(`create database ${databaseName}`);
    await client.query(`grant create on database ${databaseName} to queue`);
  } finally {
    await client.end();
  }
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    child.once('error', () => resolve(-1));
    child.once('exit', (code) => resolve(code));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
