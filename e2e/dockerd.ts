// A real dockerd on a socket and folders of its own, without networks: it only keeps images here.
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findProgram } from '@entrepot/testing';
import { type DockerCli, openDockerCli } from './docker-cli.js';

/** A running dockerd. */
export interface Dockerd {
  readonly docker: DockerCli;
  stop(): Promise<void>;
}

/** Starts it and resolves when it answers. Needs root. */
export async function startDockerd(): Promise<Dockerd> {
  const program = findProgram('dockerd');
  if (program === null) throw new Error('no dockerd program was found');
  const folder = await mkdtemp(join(tmpdir(), 'entrepot-dockerd-'));
  const socket = `unix://${join(folder, 'socket')}`;
  await writeFile(join(folder, 'daemon.json'), '{}');
  const places = ['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec')];
  const files = ['--pidfile', join(folder, 'pid'), '--config-file', join(folder, 'daemon.json')];
  const without = ['--iptables=false', '--ip6tables=false', '--bridge=none'];
  const child = spawn(program, ['--host', socket, ...places, ...files, ...without], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const log = createWriteStream(join(folder, 'log'));
  child.stderr?.pipe(log);
  const docker = await openDockerCli(socket, folder);
  const stop = async (): Promise<void> => {
    await end(child);
    await rm(folder, { recursive: true, force: true });
  };
  for (let tries = 0; (await docker('version')).exitCode !== 0; tries++) {
    if (child.exitCode !== null || tries === 150) {
      const said = await readFile(join(folder, 'log'), 'utf8').catch(() => '');
      await stop();
      throw new Error(`dockerd does not start: ${said.trim().split('\n').at(-1)}`);
    }
    await sleep(200);
  }
  return { docker, stop };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const hard = setTimeout(() => child.kill('SIGKILL'), 15_000);
  await gone;
  clearTimeout(hard);
}
