// PostgreSQL refuses to run as root. A user namespace gives it another number without another user; where those are
// forbidden it becomes "nobody", who must then be able to enter every folder on the way.
import { type ChildProcess, execFile, type SpawnOptions, spawn } from 'node:child_process';
import { access, chmod, chown, constants, cp, realpath, rename, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { EmbeddedPostgresError } from './embedded-postgres-error.js';

const run = promisify(execFile);
const nobody = 65534;
const tied = ['--pdeathsig', 'INT'];
const inNamespace = ['--user', '--map-user=1000', '--map-group=1000'];

export interface LaunchOptions extends SpawnOptions {
  /** The program lives on when its starter ends. */
  outlive?: boolean;
}

/** Starts the programs of PostgreSQL as somebody they accept. */
export interface Launcher {
  spawn(program: 'initdb' | 'postgres', args: string[], options: LaunchOptions): ChildProcess;
  /** Gives a file or folder to that somebody. */
  own(path: string): Promise<void>;
}

/** Chooses how, once per start. @throws {EmbeddedPostgresError} no binaries for this machine, or no way as root */
export async function findLauncher(dataDir: string): Promise<Launcher> {
  const binaries = await findBinaries();
  // Without this a killed starter leaves a server behind, which the next start has to end.
  const tie = (await works('setpriv', [...tied, 'true'])) ? ['setpriv', ...tied] : [];
  if (process.getuid?.() !== 0) return launcherOf(join(binaries, 'bin'), [], tie);
  if (await works('unshare', [...inNamespace, 'true'])) {
    return launcherOf(join(binaries, 'bin'), ['unshare', ...inNamespace], tie);
  }
  return asNobody(binaries, dataDir, tie);
}

/** The tie comes after the prefix, since entering a namespace would clear it. */
function launcherOf(bin: string, prefix: string[], tie: string[], own: Launcher['own'] = async () => {}): Launcher {
  const spawnProgram: Launcher['spawn'] = (program, args, { outlive, ...options }) => {
    const isTied = program === 'postgres' && !outlive;
    const [command = '', ...rest] = [...prefix, ...(isTied ? tie : []), join(bin, program), ...args];
    return spawn(command, rest, { ...options, env: { PATH: '/usr/local/bin:/usr/bin:/bin', TZ: 'UTC' } });
  };
  return { spawn: spawnProgram, own };
}

/** As "nobody", from a copy of the binaries where that user can go. */
async function asNobody(binaries: string, dataDir: string, tie: string[]): Promise<Launcher> {
  for (let folder = await realpath(dataDir); folder !== '/'; folder = dirname(folder)) {
    const { mode, uid } = await stat(folder);
    const isOurs = folder === (await realpath(dataDir));
    if (!isOurs && uid !== nobody && (mode & 0o001) === 0) {
      throw new EmbeddedPostgresError(
        `postgresql does not run as root: allow user namespaces, run as another user, or move the data folder (${folder} is closed to others)`,
      );
    }
  }
  await chmod(dataDir, 0o711);
  const copy = join(dataDir, 'postgresql-17.10');
  if (!(await exists(copy))) {
    await rm(`${copy}.new`, { recursive: true, force: true });
    await cp(binaries, `${copy}.new`, { recursive: true, verbatimSymlinks: true });
    await rename(`${copy}.new`, copy);
  }
  const prefix = ['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups'];
  return launcherOf(join(copy, 'bin'), prefix, tie, (path) => chown(path, nobody, nobody));
}

async function findBinaries(): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const main = createRequire(import.meta.url).resolve(name);
    const folder = join(dirname(main), '..', 'native');
    await access(join(folder, 'bin', 'postgres'), constants.X_OK);
    return folder;
  } catch {
    throw new EmbeddedPostgresError(`no embedded postgresql for ${process.platform} on ${process.arch}`);
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function works(command: string, args: string[]): Promise<boolean> {
  return run(command, args).then(
    () => true,
    () => false,
  );
}
