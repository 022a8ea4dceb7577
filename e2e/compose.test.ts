// docker-compose.yml as it stands: valid, no secret inside, and its commands, variables and health checks work when they
// are run as plain processes beside a real Redis and a real MinIO.
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { childEnvironment } from '@entrepot/config';
import { startEmbeddedPostgres } from '@entrepot/database';
import { buildImage, describeWith, findProgram, startMinio, startRedis, startUpstream } from '@entrepot/testing';
import { parse } from 'yaml';
import { openDockerCli } from './docker-cli.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const run = promisify(execFile);

interface ComposeService {
  command: string[];
  environment: Record<string, string>;
  healthcheck?: { test: string[] };
  ports?: string[];
}

const text = await readFile(join(root, 'docker-compose.yml'), 'utf8');
const secrets: Record<string, string> = {
  ENTREPOT_SECRET_KEY: randomBytes(32).toString('base64'),
  ENTREPOT_INTERNAL_SECRET: randomBytes(16).toString('hex'),
  ENTREPOT_ADMIN_TOKEN: randomBytes(16).toString('hex'),
  POSTGRES_PASSWORD: 'pg-secret',
  REDIS_PASSWORD: 'redis-secret',
  MINIO_ROOT_USER: 'entrepot',
  MINIO_ROOT_PASSWORD: 'minio-secret',
};

/** Variables as compose fills them in: `${NAME}`, `${NAME:-default}`, `${NAME:?why}`. */
function interpolate(source: string, values: Record<string, string>): string {
  return source.replaceAll(/\$\{(\w+)(?::([-?])([^}]*))?\}/g, (_, name: string, kind: string, rest: string) => {
    const value = values[name] ?? (kind === '-' ? rest : undefined);
    if (value === undefined) throw new Error(`${name} has no value`);
    return value;
  });
}

function readServices(values: Record<string, string>): Record<string, ComposeService> {
  return parse(interpolate(text, values), { merge: true }).services;
}

describe('docker-compose.yml', () => {
  it('holds no secret: without .env there is no value for any of them', () => {
    for (const name of Object.keys(secrets)) {
      const { [name]: _, ...others } = secrets;
      expect(() => readServices(others)).toThrow(`${name} has no value`);
    }
  });

  it('publishes nothing but catalog, and that on loopback', () => {
    const published = Object.entries(readServices(secrets)).flatMap(([name, { ports }]) =>
      (ports ?? []).map((port) => `${name} ${port}`),
    );
    expect(published).toEqual(['catalog 127.0.0.1:2375:2375']);
  });

  const compose = findProgram('docker-compose');
  (compose ? it : it.skip)('is valid to docker compose', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'entrepot-compose-'));
    const file = join(folder, 'env');
    await writeFile(
      file,
      Object.entries(secrets)
        .map(([name, value]) => `${name}=${value}\n`)
        .join(''),
    );
    const said = execFileSync(compose as string, ['--env-file', file, 'config', '--services'], {
      cwd: root,
      encoding: 'utf8',
    });
    expect(said.trim().split('\n').sort()).toEqual([
      'archiver',
      'catalog',
      'migrate',
      'minio',
      'postgres',
      'puller',
      'redis',
    ]);
    await rm(folder, { recursive: true });
  });
});

describeWith('minio', 'the services of docker-compose.yml as plain processes', () => {
  const children: ChildProcess[] = [];
  const undo: (() => Promise<unknown>)[] = [];
  let services: Record<string, ComposeService>;
  let port: number;
  let replaceHosts: (value: string) => string;

  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'entrepot-compose-'));
    await chmod(folder, 0o755);
    undo.push(() => rm(folder, { recursive: true, force: true }));
    const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres') });
    undo.push(() => postgres.stop());
    const redis = await startRedis();
    const minio = await startMinio();
    if (!redis || !minio) throw new Error('redis-server and minio are needed');
    undo.push(
      () => redis.stop(),
      () => minio.stop(),
    );
    port = await freePort();
    const ports = { 2375: port, 7401: await freePort(), 7402: await freePort() };
    services = readServices(secrets);
    const bucket = new URL(minio.url);
    replaceHosts = (value) =>
      // A key without a value is null.
      (value ?? '')
        .replace(/^postgres:\/\/.*/, postgres.url)
        .replace(/^redis:\/\/.*/, redis.url)
        .replace(/^s3:\/\/.*/, bucket.href)
        .replace('//archiver:', '//127.0.0.1:')
        .replace('0.0.0.0:', '127.0.0.1:')
        .replaceAll(/\b(2375|7401|7402)\b/g, (found) => String(ports[found as unknown as keyof typeof ports]));
  }, 120_000);

  afterAll(async () => {
    await Promise.all(children.map(endProcess));
    for (const step of undo.reverse()) await step();
  });

  const environmentOf = (name: string): NodeJS.ProcessEnv =>
    childEnvironment(
      Object.fromEntries(
        Object.entries(services[name]?.environment ?? {}).map(([key, value]) => [key, replaceHosts(value)]),
      ),
    );
  const nodeArguments = (command: string[]): string[] => {
    expect(command[0]).toBe('node');
    return command.slice(1);
  };
  const start = (name: string): void => {
    const args = nodeArguments(services[name]?.command ?? []);
    children.push(spawn(process.execPath, args, { cwd: root, env: environmentOf(name), stdio: 'ignore' }));
  };
  const healthy = async (name: string): Promise<void> => {
    const [kind, ...command] = services[name]?.healthcheck?.test ?? [];
    expect(kind).toBe('CMD');
    for (let i = 0; ; i++) {
      const answer = await run(process.execPath, nodeArguments(command.map(replaceHosts))).then(
        () => 'healthy',
        (error: Error) => error.message,
      );
      if (answer === 'healthy') return;
      if (i === 60) throw new Error(`${name}: ${answer}`);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  };

  it('migrate, become healthy, and do the main job', async () => {
    const { stdout } = await run(process.execPath, nodeArguments(services.migrate?.command ?? []), {
      cwd: root,
      env: environmentOf('migrate'),
    });
    expect(stdout).toContain('the database is up to date');
    for (const name of ['archiver', 'puller', 'catalog']) start(name);
    for (const name of ['archiver', 'puller', 'catalog']) await healthy(name);

    const upstream = await startUpstream();
    undo.push(() => upstream.close());
    upstream.putImage('team/app', await buildImage(), '1');
    const folder = await mkdtemp(join(tmpdir(), 'entrepot-cli-'));
    undo.push(() => rm(folder, { recursive: true, force: true }));
    const host = `tcp://127.0.0.1:${port}`;
    const stranger = await openDockerCli(host, folder);
    expect((await stranger('images')).stderr).toContain('this needs a token');
    const docker = await openDockerCli(host, folder, { token: secrets.ENTREPOT_ADMIN_TOKEN });
    const reference = `${upstream.host}/team/app:1`;
    expect(await docker.ok('pull', reference)).toContain('Status: Downloaded newer image');
    const id = (await docker.ok('images', '-q', '--no-trunc')).trim();
    await docker.ok('save', '-o', join(folder, 'saved.tar'), reference);
    expect(await docker.ok('rmi', reference)).toContain(`Deleted: ${id}`);
    expect(await docker.ok('load', '-i', join(folder, 'saved.tar'))).toContain(`Loaded image: ${reference}`);
    expect((await docker.ok('images', '-q', '--no-trunc')).trim()).toBe(id);
  }, 120_000);
});

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const insist = setTimeout(() => child.kill('SIGKILL'), 6_000);
  await ended;
  clearTimeout(insist);
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
