// A whole stack for one file of stories: the services as processes of their own, as `npm start` or docker-compose.yml
// runs them, two pullers and two archivers unless the stories want another number, and a handle on each.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { openBlobStore } from '@entrepot/blob-store';
import { childEnvironment } from '@entrepot/config';
import { type Database, migrate, openDatabase, startEmbeddedPostgres } from '@entrepot/database';
import { migrateQueue } from '@entrepot/jobs';
import { checkInvariants, describeWith, startMinio, startRedis } from '@entrepot/testing';
import { type DockerCli, openDockerCli } from './docker-cli.js';

/** Queue in PostgreSQL and a folder of blobs, or Redis and MinIO: see DESIGN.md's two profiles, which the URLs choose. */
export type Profile = 'embedded' | 'production';

/** Tells the same stories in both profiles; production is skipped aloud where Redis or MinIO is missing. */
export function describeStories(name: string, stories: (profile: Profile) => void): void {
  describeWith('docker', `${name} (embedded)`, () => stories('embedded'));
  describeWith(['docker', 'redis', 'minio'], `${name} (production)`, () => stories('production'));
}

/** How big the stack is, and what its services find in their environment besides addresses. */
export interface StackOptions {
  /** Default embedded. */
  profile?: Profile;
  pullers?: number;
  archivers?: number;
  environment?: Record<string, string>;
  /** The registries file, as an object. */
  registries?: unknown;
}

/** One service of a stack. */
export interface ServiceProcess {
  readonly name: string;
  readonly child: ChildProcess;
  /** kill -9, and resolves when it is dead. Nobody starts it again. */
  kill(): Promise<void>;
}

/** A running stack. */
export interface Stack {
  readonly url: string;
  readonly folder: string;
  readonly database: Database;
  readonly docker: DockerCli;
  readonly services: readonly ServiceProcess[];
  /** Starts one more of this kind. */
  start(app: 'puller' | 'archiver'): Promise<ServiceProcess>;
  /** What was ever written to a queue on Redis; '' where the queue is on PostgreSQL. */
  queueLog(): Promise<string>;
  /** What does not hold between tables and store, all objects hashed. What a collector does meanwhile does not count. */
  violations(): Promise<string[]>;
  stop(): Promise<void>;
}

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Starts everything and resolves when catalog is ready. */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const folder = await makeFolder();
  const backing = await startBacking(options.profile ?? 'embedded', folder);
  await migrate(backing.databaseUrl);
  await migrateQueue(backing.queueUrl);
  const archiverPorts = await freePorts(options.archivers ?? 2);
  const [port] = (await freePorts(1)) as [number];
  const shared = {
    DATABASE_URL: backing.databaseUrl,
    QUEUE_URL: backing.queueUrl,
    BLOB_STORE_URL: backing.blobStoreUrl,
    ENTREPOT_SECRET_KEY: randomBytes(32).toString('base64'),
    ENTREPOT_LISTEN: `127.0.0.1:${port}`,
    ENTREPOT_ARCHIVER_URLS: archiverPorts.map((it) => `http://127.0.0.1:${it}`).join(','),
    ...(await writeRegistries(folder, options.registries)),
    ...options.environment,
  };
  const services: ServiceProcess[] = [];
  const add = (app: string, variables: Record<string, string> = {}): ServiceProcess => {
    const service = startService(app, services.length, folder, { ...shared, ...variables });
    services.push(service);
    return service;
  };
  add('catalog');
  for (let i = 0; i < (options.pullers ?? 2); i++) add('puller');
  for (const it of archiverPorts) add('archiver', { ENTREPOT_ARCHIVER_LISTEN: `127.0.0.1:${it}` });
  const url = `http://127.0.0.1:${port}`;
  await waitUntilReady(`${url}/readyz`);
  for (const it of archiverPorts) await waitUntilReady(`http://127.0.0.1:${it}/readyz`);
  const database = openDatabase(backing.databaseUrl, { applicationName: 'e2e', maxConnections: 2 });
  return {
    url,
    folder,
    database,
    services,
    docker: await openDockerCli(`tcp://127.0.0.1:${port}`, folder),
    start: async (app) => add(app),
    queueLog: backing.queueLog,
    violations: () => findViolations(database, backing.blobStoreUrl),
    stop: async () => {
      await database.close();
      await Promise.all(services.map(endService));
      await backing.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** What is wrong stays wrong; what is only under way does not. */
async function findViolations(database: Database, blobStoreUrl: string): Promise<string[]> {
  const store = openBlobStore(blobStoreUrl);
  for (let tries = 1; ; tries++) {
    const found = await checkInvariants(database, store, { hashes: true });
    if (found.length === 0 || tries === 10) return found;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

/** What the services stand on. */
interface Backing {
  databaseUrl: string;
  queueUrl: string;
  blobStoreUrl: string;
  queueLog(): Promise<string>;
  stop(): Promise<void>;
}

async function startBacking(profile: Profile, folder: string): Promise<Backing> {
  const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres') });
  if (profile === 'embedded') {
    const blobStoreUrl = pathToFileURL(join(folder, 'blobs')).href;
    const { url: databaseUrl, queueUrl } = postgres;
    return { databaseUrl, queueUrl, blobStoreUrl, queueLog: async () => '', stop: () => postgres.stop() };
  }
  const [redis, minio] = await Promise.all([startRedis(), startMinio()]);
  if (!redis || !minio) throw new Error('the production profile needs redis-server and minio');
  const stop = async (): Promise<void> => {
    await Promise.all([redis.stop(), minio.stop(), postgres.stop()]);
  };
  const urls = { databaseUrl: postgres.url, queueUrl: redis.url, blobStoreUrl: minio.url };
  return { ...urls, queueLog: () => redis.readLog(), stop };
}

/** PostgreSQL may run as another user, who has to get to its folder. */
async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'entrepot-e2e-'));
  await chmod(folder, 0o755);
  await mkdir(join(folder, 'logs'));
  return folder;
}

async function writeRegistries(folder: string, registries: unknown): Promise<Record<string, string>> {
  if (registries === undefined) return {};
  const file = join(folder, 'registries.json');
  await writeFile(file, JSON.stringify(registries));
  return { ENTREPOT_REGISTRIES: file };
}

function startService(app: string, number: number, folder: string, variables: Record<string, string>): ServiceProcess {
  const name = `${app}-${number}`;
  const child = spawn(process.execPath, [join(root, 'apps', app, 'dist', 'main.js')], {
    env: childEnvironment(variables),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log = createWriteStream(join(folder, 'logs', `${name}.log`));
  child.stdout?.pipe(log, { end: false });
  child.stderr?.pipe(log, { end: false });
  return { name, child, kill: () => endWith(child, 'SIGKILL') };
}

async function endService({ child }: ServiceProcess): Promise<void> {
  const insist = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await endWith(child, 'SIGTERM');
  clearTimeout(insist);
}

function endWith(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill(signal);
  });
}

async function freePorts(count: number): Promise<number[]> {
  const probes = await Promise.all(Array.from({ length: count }, openProbe));
  return Promise.all(probes.map(({ port, close }) => close().then(() => port)));
}

function openProbe(): Promise<{ port: number; close(): Promise<void> }> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      resolve({ port, close: () => new Promise((done) => server.close(() => done())) });
    });
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
