// The `entrepot` command as a script would run it.
import { type ChildProcess, execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const command = join(dirname(dirname(fileURLToPath(import.meta.url))), 'apps', 'cli', 'bin', 'entrepot.mjs');

/** What one run said. */
export interface EntrepotRun {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** Runs the command against a server. */
export interface EntrepotCli {
  (...args: string[]): Promise<EntrepotRun>;
  /** Its standard output. @throws when it fails */
  ok(...args: string[]): Promise<string>;
  /** One that runs, to be stopped. */
  start(...args: string[]): ChildProcess;
}

/** The command for the server at `url`, with nothing from this machine's configuration. */
export function openEntrepotCli(url: string, environment: Record<string, string> = {}): EntrepotCli {
  const env = { PATH: '/usr/bin:/bin', XDG_CONFIG_HOME: '/nonexistent', ENTREPOT_URL: url, ...environment };
  const start = (...args: string[]) => execFile(process.execPath, [command, ...args], { env });
  const run = (...args: string[]): Promise<EntrepotRun> =>
    new Promise((resolve) => {
      execFile(process.execPath, [command, ...args], { env, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
        resolve({ exitCode: error ? Number(error.code ?? 1) : 0, stdout, stderr });
      });
    });
  const ok = async (...args: string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await run(...args);
    if (exitCode !== 0) throw new Error(`entrepot ${args.join(' ')} ended with ${exitCode}: ${stderr}`);
    return stdout;
  };
  return Object.assign(run, { ok, start });
}
