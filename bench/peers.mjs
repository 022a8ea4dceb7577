// Servers and tools the bench runs beside Entrepot. Each start resolves with { …, stop() }; what is missing is null.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { root } from '../scripts/workspace.mjs';

/** Absolute path of a tool on PATH or in Go's bin folder, or null. */
export function findTool(name) {
  const found = spawnSync('bash', ['-c', `PATH="$PATH:$(go env GOPATH 2>/dev/null)/bin" command -v ${name}`], {
    encoding: 'utf8',
  });
  return found.status === 0 ? found.stdout.trim() : null;
}

/** Starts Debian's docker-registry with its storage in `home`. */
export async function startRegistry(home) {
  const port = await freePort();
  mkdirSync(home, { recursive: true });
  const config = join(home, 'config.yml');
  writeFileSync(
    config,
    `version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: ${home}/storage}}\nhttp: {addr: 127.0.0.1:${port}}\n`,
  );
  const child = start(findTool('docker-registry'), ['serve', config], { log: join(home, 'log') });
  await waitFor(`http://127.0.0.1:${port}/v2/`, child, join(home, 'log'));
  return { host: `127.0.0.1:${port}`, pid: child.pid, stop: () => stop(child) };
}

/** Starts the embedded stack on an empty data folder (or with other back ends through `env`). */
export async function startEntrepot(home, env = {}) {
  const port = await freePort();
  mkdirSync(home, { recursive: true });
  const child = start(process.execPath, ['apps/standalone/dist/main.js'], {
    log: join(home, 'log'),
    env: {
      ENTREPOT_LISTEN: `127.0.0.1:${port}`,
      ENTREPOT_DATA_DIR: join(home, 'data'),
      ENTREPOT_COLLECT_AFTER: '0',
      ...env,
    },
  });
  await waitFor(`http://127.0.0.1:${port}/readyz`, child, join(home, 'log'));
  return {
    docker: `DOCKER_HOST=tcp://127.0.0.1:${port}`,
    url: `http://127.0.0.1:${port}`,
    data: join(home, 'data'),
    pid: child.pid,
    stop: () => stop(child),
  };
}

/** Starts a real daemon without networking on a socket and data root of its own. */
export async function startDockerd(home) {
  mkdirSync(home, { recursive: true });
  const socket = join(home, 'docker.sock');
  const child = start(
    findTool('dockerd'),
    [
      '--iptables=false',
      '--ip6tables=false',
      '--bridge=none',
      `--host=unix://${socket}`,
      `--data-root=${home}/data`,
      `--exec-root=${home}/exec`,
      `--pidfile=${home}/pid`,
    ],
    { log: join(home, 'log') },
  );
  for (let i = 0; i < 200; i += 1) {
    if (spawnSync('docker', ['-H', `unix://${socket}`, 'version'], { stdio: 'ignore' }).status === 0) {
      return { docker: `DOCKER_HOST=unix://${socket}`, socket, pid: child.pid, stop: () => stop(child) };
    }
    await sleep(100);
  }
  stop(child);
  throw new Error(`dockerd did not start, see ${home}/log`);
}

/** Starts a Redis that keeps what it is told, as in production. */
export async function startRedis(home) {
  const port = await freePort();
  mkdirSync(home, { recursive: true });
  const args = ['--port', `${port}`, '--dir', home, '--appendonly', 'yes', '--save', '', '--bind', '127.0.0.1'];
  const child = start(findTool('redis-server'), args, { log: join(home, 'log') });
  return { url: `redis://127.0.0.1:${port}`, pid: child.pid, stop: () => stop(child) };
}

/** Starts MinIO on a folder, with a bucket. */
export async function startMinio(home) {
  const port = await freePort();
  mkdirSync(join(home, 'data', 'entrepot'), { recursive: true });
  const child = start(findTool('minio'), ['server', join(home, 'data'), '--address', `127.0.0.1:${port}`], {
    log: join(home, 'log'),
    env: { MINIO_ROOT_USER: 'bench', MINIO_ROOT_PASSWORD: 'bench-bench' },
  });
  await waitFor(`http://127.0.0.1:${port}/minio/health/live`, child, join(home, 'log'));
  const url = `s3://bench:bench-bench@127.0.0.1:${port}/entrepot?tls=false`;
  return { url, env: {}, pid: child.pid, stop: () => stop(child) };
}

function start(command, args, { log, env = {} }) {
  const out = openSync(log, 'a');
  return spawn(command, args, { cwd: root, stdio: ['ignore', out, out], env: { ...process.env, ...env } });
}

function stop(child) {
  return new Promise((resolve) => {
    if (child.exitCode !== null) return resolve();
    child.once('exit', resolve);
    child.kill('SIGTERM');
    setTimeout(() => child.kill('SIGKILL'), 15_000).unref();
  });
}

/** So that two benches do not meet. */
function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** Waits for a good answer; says the last line of the log when the process ends before. */
async function waitFor(url, child, log) {
  for (let i = 0; i < 1800; i += 1) {
    if (child.exitCode !== null) throw new Error(`${url}: ${readFileSync(log, 'utf8').trim().split('\n').at(-1)}`);
    const answer = await fetch(url).catch(() => null);
    await answer?.body?.cancel();
    if (answer?.ok) return;
    await sleep(100);
  }
  throw new Error(`${url} did not answer`);
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
