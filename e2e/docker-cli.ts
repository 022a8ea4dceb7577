import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { childEnvironment } from '@entrepot/config';

/** What one run of the docker command printed and how it ended. */
export interface DockerRun {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** The unmodified docker command, pointed at one server, with a configuration of its own. */
export interface DockerCli {
  (...args: string[]): Promise<DockerRun>;
  /** Runs it and hands back the process, for stories in which it is interrupted. */
  start(...args: string[]): ChildProcess;
  /** As the call, with bytes on its standard input; what it prints has one character for each byte. */
  withInput(input: Buffer, ...args: string[]): Promise<DockerRun>;
  /** As the call, but throws with what it printed when it fails. */
  ok(...args: string[]): Promise<string>;
}

/** What the command is to show or to be told besides its server. */
export interface DockerCliOptions {
  /** Shown to the server with every request. */
  token?: string;
  variables?: Record<string, string>;
}

/** Makes the command for the server at `host` (`tcp://…`, `unix://…`). */
export async function openDockerCli(
  host: string,
  folder: string,
  { token, variables }: DockerCliOptions = {},
): Promise<DockerCli> {
  const config = await mkdtemp(join(folder, 'docker-'));
  if (token !== undefined) {
    const bearer = { HttpHeaders: { Authorization: `Bearer ${token}` } };
    await writeFile(join(config, 'config.json'), JSON.stringify(bearer));
  }
  const env = childEnvironment({ DOCKER_HOST: host, DOCKER_CONFIG: config, DOCKER_CLI_HINTS: 'false', ...variables });
  const exec = (args: string[], encoding: 'utf8' | 'latin1', input?: Buffer): Promise<DockerRun> =>
    new Promise((resolve) => {
      const child = execFile(
        'docker',
        args,
        { env, encoding, maxBuffer: 64 * 1024 * 1024 },
        (error, stdout, stderr) => {
          resolve({ exitCode: error ? Number(error.code ?? 1) : 0, stdout, stderr });
        },
      );
      // A command that ends before it has read everything says so by its exit code.
      child.stdin?.on('error', () => {}).end(input);
    });
  const run = (...args: string[]): Promise<DockerRun> => exec(args, 'utf8');
  return Object.assign(run, {
    withInput: (input: Buffer, ...args: string[]) => exec(args, 'latin1', input),
    start: (...args: string[]) => spawn('docker', args, { env, stdio: ['ignore', 'ignore', 'ignore'] }),
    ok: async (...args: string[]) => {
      const { exitCode, stdout, stderr } = await run(...args);
      if (exitCode !== 0) throw new Error(`docker ${args.join(' ')}: exit ${exitCode}\n${stdout}${stderr}`);
      return stdout;
    },
  });
}
