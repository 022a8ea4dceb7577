// PostgreSQL trusts postmaster.pid when any process has that number, which after a reboot or in a new container may be
// a stranger. So the file is judged here, by the process' working folder, before the server sees it.
import { readFile, readlink, realpath, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EmbeddedPostgresError } from './embedded-postgres-error.js';

/** What a running server says of itself; null when there is none or it has only begun. */
export async function readStatus(cluster: string): Promise<{ pid: number; ready: boolean } | null> {
  const text = await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => '');
  const lines = text.split('\n');
  const pid = Number(lines[0]);
  return Number.isInteger(pid) && pid > 0 ? { pid, ready: lines[7]?.trim() === 'ready' } : null;
}

/**
 * Makes this process the only one that uses the folder: a server whose starter is gone is stopped, a stale
 * postmaster.pid removed.
 *
 * @throws {EmbeddedPostgresError} another live process has the folder
 */
export async function claimFolder(dataDir: string, cluster: string): Promise<void> {
  const ownerFile = join(dataDir, 'postgres-owner');
  const [pid, startedAt] = (await readFile(ownerFile, 'utf8').catch(() => '')).trim().split(' ');
  const server = await runningServer(cluster);
  if (server !== null) {
    const ownerLives = pid !== undefined && pid !== String(process.pid) && (await startOf(Number(pid))) === startedAt;
    if (ownerLives) throw new EmbeddedPostgresError(`data folder ${dataDir} is in use by process ${pid}`);
    await endOrphan(server, cluster);
  }
  await rm(join(cluster, 'postmaster.pid'), { force: true });
  await writeFile(ownerFile, `${process.pid} ${await startOf(process.pid)}\n`, { mode: 0o600 });
}

/** The number of the server that really works in this folder, null when there is none. */
async function runningServer(cluster: string): Promise<number | null> {
  const status = await readStatus(cluster);
  if (status === null) return null;
  const folder = await readlink(`/proc/${status.pid}/cwd`).catch(() => '');
  return folder !== '' && folder === (await realpath(cluster)) ? status.pid : null;
}

/** Its starter was killed: fast shutdown, and the next one recovers if even that does not end it. */
async function endOrphan(pid: number, cluster: string): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    kill(pid, signal);
    for (let waited = 0; waited < 5_000; waited += 25) {
      if ((await runningServer(cluster)) !== pid) return;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}

/** When a process started, in ticks since boot; '' when there is none. Tells a process from a later one of its number. */
async function startOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}
