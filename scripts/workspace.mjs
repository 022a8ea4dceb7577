// What `npm start`, `npm test`, `npm run demo` and `npm run bench` share: bring a clone into a state in which it can
// run (packages installed, client generated, sources built), doing only what is missing.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const pnpm = 'pnpm@12.21.0';

/** Installs, generates and builds what is missing; says in one line each what takes time. Exits the process on failure. */
export function prepareWorkspace(say = (line) => process.stderr.write(`${line}\n`)) {
  installPackages(say);
  generateClient(say);
  buildSources(say);
}

function installPackages(say) {
  const lock = fingerprint(['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'package.json']);
  const stamp = join(root, 'node_modules', '.entrepot-installed');
  if (isCurrent(stamp, lock)) return;
  say('Installing packages …');
  run('npx', ['-y', pnpm, 'install', '--frozen-lockfile', '--reporter=append-only'], 'installing packages');
  writeFileSync(stamp, lock);
}

function generateClient(say) {
  const schema = fingerprint(['prisma/schema.prisma', 'pnpm-lock.yaml']);
  const stamp = join(root, 'libs/database/src/generated', '.stamp');
  if (isCurrent(stamp, schema)) return;
  say('Generating the database client …');
  // The engine binary is never run by `generate`; naming one keeps Prisma from asking the internet for its own.
  run(bin('prisma'), ['generate', '--schema', 'prisma/schema.prisma'], 'generating the database client', {
    PRISMA_SCHEMA_ENGINE_BINARY: '/bin/true',
    PRISMA_HIDE_UPDATE_MESSAGE: '1',
    CHECKPOINT_DISABLE: '1',
  });
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, schema);
}

function buildSources(say) {
  if (!existsSync(join(root, 'apps/standalone/dist/main.js'))) say('Building …');
  run(bin('tsc'), ['-b'], 'building');
}

/** Runs a command from the root with its output kept back until it fails. */
function run(command, args, what, env = {}) {
  const result = spawnSync(command, args, { cwd: root, env: { ...process.env, ...env }, encoding: 'utf8' });
  if (result.status === 0) return;
  process.stderr.write(
    `${result.stdout ?? ''}${result.stderr ?? ''}\n${what} failed${result.error ? `: ${result.error.message}` : ''}\n`,
  );
  process.exit(1);
}

/** Replaces this process in all but name: same terminal, signals passed on, same exit code. */
export function handOver(command, args, env = {}) {
  const child = spawn(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`${command}: ${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
}

export const bin = (name) => join(root, 'node_modules', '.bin', name);

function fingerprint(files) {
  const hash = createHash('sha256').update(process.version);
  for (const file of files) hash.update(readFileSync(join(root, file)));
  return hash.digest('hex');
}

const isCurrent = (stamp, wanted) => existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted;
