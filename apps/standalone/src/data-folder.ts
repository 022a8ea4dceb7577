import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The layout of the data folder that this code reads and writes. */
const layoutVersion = 1;

/** Where the embedded profile keeps everything; one process at a time owns it. */
export interface DataFolder {
  readonly path: string;
  /** Passwords and tokens at rest are encrypted with it; made once, mode 600. */
  readonly secretKey: string;
  /** Lets another process have the folder. */
  release(): Promise<void>;
}

/**
 * Opens the data folder, making it when it is not there.
 *
 * @throws {DataFolderError} in use by another process, written by a newer version, or not writable; one line
 */
export async function openDataFolder(path: string): Promise<DataFolder> {
  await mkdir(path, { recursive: true, mode: 0o755 });
  const release = await takeLock(path);
  try {
    await checkLayout(path);
    return { path, secretKey: await readOrMakeSecret(path), release };
  } catch (error) {
    await release();
    throw error;
  }
}

async function takeLock(path: string): Promise<() => Promise<void>> {
  const file = join(path, 'entrepot.pid');
  for (;;) {
    try {
      const handle = await open(file, 'wx');
      await handle.writeFile(`${process.pid}\n`);
      await handle.close();
      return () => rm(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const owner = Number(await readFile(file, 'utf8').catch(() => ''));
      if (owner > 0 && owner !== process.pid && (await isEntrepot(owner))) {
        throw new DataFolderError(`the data folder ${path} is in use by process ${owner}`);
      }
      await rm(file, { force: true });
    }
  }
}

/** A pid file outlives kill -9 and its number may be somebody else's by now. */
async function isEntrepot(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => null);
  return commandLine === null || commandLine.includes('standalone');
}

async function checkLayout(path: string): Promise<void> {
  const file = join(path, 'layout-version');
  const found = await readFile(file, 'utf8').catch(() => null);
  if (found === null) return writeFile(file, `${layoutVersion}\n`);
  if (Number(found) > layoutVersion) {
    throw new DataFolderError(
      `the data folder ${path} was written by a newer Entrepot (layout ${found.trim()}, this one knows ${layoutVersion})`,
    );
  }
}

async function readOrMakeSecret(path: string): Promise<string> {
  const file = join(path, 'secret.key');
  const found = await readFile(file, 'utf8').catch(() => null);
  if (found !== null) return found.trim();
  const secret = randomBytes(32).toString('base64');
  await writeFile(file, `${secret}\n`, { mode: 0o600 });
  return secret;
}

/** The data folder cannot be used; a person has to act. */
export class DataFolderError extends Error {
  override readonly name = 'DataFolderError';
  readonly code = 'DATA_FOLDER';
  readonly retryable = false;
}
