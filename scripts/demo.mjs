// `npm run demo [-- IMAGE]`: the whole main job, on a sample registry or on an image from the internet.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findDocker } from './demo/docker-client.mjs';
import { HttpClient } from './demo/http-client.mjs';
import * as show from './demo/transcript.mjs';
import { prepareWorkspace, root } from './workspace.mjs';

const startedAt = Date.now();
const cleanUp = [];

try {
  prepareWorkspace();
  await demo(process.argv[2]);
  console.log(`\nThe main job works, in ${show.seconds(Date.now() - startedAt)} with everything around it.`);
} catch (error) {
  process.exitCode = 1;
  process.stderr.write(`\n✗ ${error instanceof show.StepFailed ? error.message : error.stack}\n`);
} finally {
  for (const step of cleanUp.reverse()) await step();
}

async function demo(wanted) {
  const home = mkdtempSync(join(tmpdir(), 'entrepot-demo-'));
  cleanUp.push(() => rmSync(home, { recursive: true, force: true }));
  const url = await startEntrepot(join(home, 'data'));
  const reference = wanted ?? (await startSampleRegistry());
  const client = findDocker(url) ?? new HttpClient(url);
  show.note(`Spoken by ${client.name}.`);
  await mainJob(client, reference, join(home, 'image.tar'));
}

async function mainJob(client, reference, archive) {
  show.title('Pull');
  const pulledAt = Date.now();
  await client.pull(reference);
  show.check(`pulled in ${show.seconds(Date.now() - pulledAt)}`, true);

  show.title('List, inspect, history');
  await client.list();
  const image = await client.inspect(reference);
  const ids = await client.ids();
  show.check(`${image.layers} layers, id ${image.id.slice(7, 19)}`, ids.includes(image.id), ids.join(' '));
  await client.history(reference);

  show.title('Save');
  await client.save(reference, archive);
  show.check(`saved ${show.megabytes(statSync(archive).size)}`, statSync(archive).size > 10_240);

  show.title('Remove');
  await client.remove(reference);
  show.check('nothing is left', !(await client.ids()).includes(image.id));

  show.title('Load it back');
  await client.load(archive);
  await client.list();
  const loaded = await client.inspect(reference);
  show.check('the same image is back', loaded.id === image.id, loaded.id);
}

async function startEntrepot(dataDir) {
  show.title('Start');
  const port = await freePort();
  const env = {
    ...process.env,
    ENTREPOT_LISTEN: `127.0.0.1:${port}`,
    ENTREPOT_DATA_DIR: dataDir,
    ENTREPOT_LOG_LEVEL: 'warn',
  };
  const child = spawn(process.execPath, ['apps/standalone/dist/main.js'], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  cleanUp.push(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => child.kill('SIGTERM'));
  return new Promise((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      const line = String(chunk).split('\n')[0];
      const found = /ready on (http:\S+)/.exec(line);
      if (!found) return;
      show.output(line);
      resolve(found[1]);
    });
    ended.then((code) => reject(new show.StepFailed(`Entrepot ended with ${code} before it was ready`)));
  });
}

async function startSampleRegistry() {
  const { startSample } = await import('./demo/sample-image.mjs');
  const sample = await startSample(show.note);
  cleanUp.push(sample.stop);
  show.output(
    `Sample registry with ${sample.reference}: ${sample.layers} layers, ${show.megabytes(sample.bytes)} compressed`,
  );
  return sample.reference;
}

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
