// The main job by the docker command itself.
import { spawn, spawnSync } from 'node:child_process';
import * as show from './transcript.mjs';

/** Null where there is no docker command, or one too old to speak the API versions we answer. */
export function findDocker(url) {
  const version = spawnSync('docker', ['--version'], { encoding: 'utf8' });
  const major = Number(/version (\d+)/.exec(version.stdout ?? '')?.[1] ?? 0);
  return major >= 20 ? new DockerClient(url) : null;
}

class DockerClient {
  name = 'the docker command on this machine';
  #env;

  constructor(url) {
    this.#env = { ...process.env, DOCKER_HOST: url.replace('http', 'tcp'), DOCKER_CLI_HINTS: 'false' };
  }

  pull = (reference) => this.#run(['pull', reference], { live: true });
  list = () => this.#run(['images']);
  history = (reference) => this.#run(['history', reference]);
  save = (reference, file) => this.#run(['save', '-o', file, reference]);
  remove = (reference) => this.#run(['rmi', reference]);
  load = (file) => this.#run(['load', '-i', file]);

  async inspect(reference) {
    const format = '{{.Id}} {{.Os}}/{{.Architecture}} {{len .RootFS.Layers}} layers';
    const text = await this.#run(['inspect', '--format', format, reference]);
    const [id, platform, layers] = text.trim().split(' ');
    return { id, platform, layers: Number(layers) };
  }

  async ids() {
    return (await this.#run(['images', '-q', '--no-trunc'], { quiet: true })).split('\n').filter(Boolean);
  }

  /** On a terminal a pull draws its own bars. */
  #run(args, { live = false, quiet = false } = {}) {
    if (!quiet) show.command(`docker ${args.join(' ')}`);
    const inherit = live && process.stdout.isTTY;
    return new Promise((resolve, reject) => {
      const child = spawn('docker', args, { env: this.#env, stdio: ['ignore', inherit ? 'inherit' : 'pipe', 'pipe'] });
      let text = '';
      let errors = '';
      child.stdout?.on('data', (chunk) => {
        text += chunk;
      });
      child.stderr.on('data', (chunk) => {
        errors += chunk;
      });
      child.on('error', reject);
      child.on('close', (code) => {
        if (!quiet && text) show.output(text);
        if (code === 0) return resolve(text);
        reject(new show.StepFailed(`docker ${args[0]} ended with ${code}: ${errors.trim()}`));
      });
    });
  }
}
