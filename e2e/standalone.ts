// The supervisor as `npm start` runs it, with a handle on the processes below it.
import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { childEnvironment } from '@entrepot/config';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** What runs below the supervisor. */
export type Target = 'catalog' | 'puller' | 'archiver' | 'postgres';

/** A supervised stack on a data folder of its own. */
export interface Standalone {
  readonly url: string;
  readonly host: string;
  readonly folder: string;
  readonly dataDir: string;
  readonly blobStoreUrl: string;
  /** kill -9 of one process of this kind, whichever comes first. */
  kill(target: Target): Promise<void>;
  /** Resolves when catalog says that it can work. */
  ready(): Promise<void>;
  databaseUrl(): Promise<string>;
  /** Ends the supervisor by a signal; resolves with its exit code. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
  /** Starts it again on the same data folder and address. */
  restart(): Promise<void>;
  remove(): Promise<void>;
}

/** Starts `apps/standalone` and resolves when it is ready. */
export async function startStandalone(environment: Record<string, string> = {}): Promise<Standalone> {
  const folder = await mkdtemp(join(tmpdir(), 'entrepot-standalone-'));
  await chmod(folder, 0o755);
  const dataDir = environment.ENTREPOT_DATA_DIR ?? join(folder, 'data');
  const host = `127.0.0.1:${await freePort()}`;
  const variables = {
    ENTREPOT_LISTEN: host,
    ENTREPOT_DATA_DIR: dataDir,
    ENTREPOT_LOG_LEVEL: 'warn',
    ENTREPOT_PULLERS: '2',
    ENTREPOT_ARCHIVERS: '2',
    ...environment,
  };
  let child = await launch(variables).catch(async (error: Error) => {
    await rm(folder, { recursive: true, force: true });
    throw error;
  });
  const url = `http://${host}`;
  return {
    url,
    host,
    folder,
    dataDir,
    blobStoreUrl: pathToFileURL(join(dataDir, 'blobs')).href,
    kill: async (target) => {
      process.kill(await findPid(dataDir, target), 'SIGKILL');
    },
    ready: () => waitUntilReady(`${url}/readyz`),
    databaseUrl: () => databaseUrl(dataDir),
    end: (signal = 'SIGTERM') => endProcess(child, signal),
    restart: async () => {
      child = await launch(variables);
    },
    remove: async () => {
      await endProcess(child, 'SIGTERM');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function launch(variables: Record<string, string>): Promise<ChildProcess> {
  const child = spawn(process.execPath, [join(root, 'apps/standalone/dist/main.js')], {
    env: childEnvironment(variables),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return new Promise((resolve, reject) => {
    let said = '';
    const listen = (chunk: Buffer): void => {
      said = (said + chunk).slice(-4000);
      if (said.includes('Entrepot is ready on')) resolve(child);
    };
    child.stdout?.on('data', listen);
    child.stderr?.on('data', listen);
    child.once('exit', (code) => reject(new Error(`standalone ended with ${code}: ${said}`)));
  });
}

async function findPid(dataDir: string, target: Target): Promise<number> {
  if (target === 'postgres') {
    return Number((await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8')).split('\n')[0]);
  }
  const list: { pid: number; script: string }[] = JSON.parse(await readFile(join(dataDir, 'services.json'), 'utf8'));
  const found = list.find(({ script }) => script.includes(`/${target}/`));
  if (!found) throw new Error(`no ${target} runs`);
  return found.pid;
}

async function databaseUrl(dataDir: string): Promise<string> {
  const password = (await readFile(join(dataDir, 'postgres-password'), 'utf8')).trim();
  const port = (await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8')).split('\n')[3];
  return `postgres://entrepot:${password}@127.0.0.1:${port}/entrepot`;
}

function endProcess(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => {
    child.once('exit', (code) => resolve(code));
    child.kill(signal);
  });
}

async function waitUntilReady(url: string): Promise<void> {
  const deadline = Date.now() + 90_000;
  for (;;) {
    const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) }).catch(() => null);
    await answer?.body?.cancel();
    if (answer?.ok) return;
    if (Date.now() > deadline) throw new Error(`${url} did not become ready`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
