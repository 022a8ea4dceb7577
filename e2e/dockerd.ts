import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram } from '@entrepot/testing';
import { type DockerCli, openDockerCli } from './docker-cli.js';

/** A real daemon with an empty store, to compare with. */
export interface Dockerd {
  readonly docker: DockerCli;
  stop(): Promise<void>;
}

const readyWithinMs = 30_000;

/** Starts a daemon on a socket and in folders of its own; it touches no network. Needs root. */
export async function startDockerd(): Promise<Dockerd> {
  const folder = await mkdtemp(join(tmpdir(), 'entrepot-dockerd-'));
  const socket = join(folder, 's');
  const paths = { 'data-root': 'data', 'exec-root': 'exec', pidfile: 'pid' };
  await mkdir(join(folder, 'data'));
  const child = spawn(
    findProgram('dockerd') ?? '',
    [
      ...['--iptables=false', '--ip6tables=false', '--bridge=none', '--log-level=error', '-H', `unix://${socket}`],
      ...Object.entries(paths).map(([option, name]) => `--${option}=${join(folder, name)}`),
    ],
    { stdio: 'ignore' },
  );
  const docker = await openDockerCli(`unix://${socket}`, folder);
  for (const started = Date.now(); (await docker('version')).exitCode !== 0; ) {
    if (Date.now() - started > readyWithinMs || child.exitCode !== null) throw new Error('dockerd did not start');
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return {
    docker,
    stop: async () => {
      child.kill('SIGTERM');
      await once(child, 'exit');
      await rm(folder, { recursive: true, force: true }).catch(() => {});
    },
  };
}
