// One PostgreSQL per jest run, whatever the number of workers: the first test that wants one starts it, a little shell
// loop ends it when the run is over, however it ends. Each test file gets a database of its own, copied from one that
// has the migrations.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { migrate, openDatabase, startEmbeddedPostgres } from '@entrepot/database';

/** A database with all migrations and nothing else in it. */
export interface TestDatabase {
  url: string;
  /** The same for the job queue's role. */
  queueUrl: string;
  /** Removes it, cutting off who is still connected. */
  drop(): Promise<void>;
}

interface Urls {
  url: string;
  queueUrl: string;
}

/** Makes a fresh database on a real PostgreSQL; in about 0.1 s once the server of this run is there. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const server = await runServer();
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await administrate(server, `create database ${name} template entrepot`, `grant create on database ${name} to queue`);
  return {
    url: withDatabase(server.url, name),
    queueUrl: withDatabase(server.queueUrl, name),
    drop: () => administrate(server, `drop database if exists ${name} with (force)`),
  };
}

/** From the maintenance database, since nobody may be connected to the one that is copied. */
async function administrate(server: Urls, ...statements: string[]): Promise<void> {
  const database = openDatabase(withDatabase(server.url, 'postgres'), { maxConnections: 1 });
  try {
    for (const statement of statements) await database.prisma.$executeRawUnsafe(statement);
  } finally {
    await database.close();
  }
}

function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return String(changed);
}

let server: Promise<Urls> | undefined;

function runServer(): Promise<Urls> {
  server ??= findOrStartServer();
  return server;
}

async function findOrStartServer(): Promise<Urls> {
  const runPid = isJestWorker() ? process.ppid : process.pid;
  const startTime = (await readFile(`/proc/${runPid}/stat`, 'utf8')).split(') ')[1]?.split(' ')[19] ?? '';
  const folder = join(tmpdir(), `entrepot-test-${runPid}-${startTime}`);
  const announcement = join(folder, 'server.json');
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch {
    return await readAnnouncement(announcement);
  }
  const urls = await startServer(folder, runPid).catch((error: Error) => ({ failed: error.message }));
  await writeFile(`${announcement}.new`, JSON.stringify(urls), { mode: 0o600 });
  await rename(`${announcement}.new`, announcement);
  return await readAnnouncement(announcement);
}

function isJestWorker(): boolean {
  return process.argv[1]?.includes('processChild') ?? false;
}

async function startServer(folder: string, runPid: number): Promise<Urls> {
  const { url, queueUrl, pid } = await startEmbeddedPostgres({ dataDir: folder, throwAway: true });
  const loop = 'while kill -0 "$1" 2>/dev/null; do sleep 0.5; done; kill -QUIT "$2"; sleep 1; rm -rf "$3"';
  const watcher = spawn('sh', ['-c', loop, 'sh', String(runPid), String(pid), folder], {
    detached: true,
    stdio: 'ignore',
  });
  watcher.unref();
  await migrate(url);
  return { url, queueUrl };
}

async function readAnnouncement(file: string): Promise<Urls> {
  for (let waited = 0; waited < 60_000; waited += 50) {
    const text = await readFile(file, 'utf8').catch(() => null);
    if (text !== null) {
      const announced = JSON.parse(text) as Urls & { failed?: string };
      if (announced.failed !== undefined) throw new Error(`the test PostgreSQL did not start: ${announced.failed}`);
      return announced;
    }
    await sleep(50);
  }
  throw new Error('the test PostgreSQL did not start within a minute');
}
