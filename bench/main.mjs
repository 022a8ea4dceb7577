// `npm run bench [-- --only pull,batch,save,load,list,api --rounds 5]`: Entrepot beside its peers, in one run.
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../scripts/workspace.mjs';
import { apiLatency, firstByte } from './api.mjs';
import { batchCases, bytesWritten, emptyEntrepot, listCases, loadCases, pullCases, saveCases } from './cases.mjs';
import { makeImages, pushImage } from './images.mjs';
import { interleave, peakMegabytes, processTree, timed } from './measure.mjs';
import { findTool, startDockerd, startEntrepot, startRegistry } from './peers.mjs';
import { printGroup, writeReport } from './report.mjs';
import { seedImages } from './seed.mjs';

const { values } = parseArgs({ options: { only: { type: 'string' }, rounds: { type: 'string', default: '5' } } });
const rounds = Number(values.rounds);
const wanted = (name) => !values.only || values.only.split(',').includes(name);
const say = (line) => process.stderr.write(`bench: ${line}\n`);
const home = join(tmpdir(), 'entrepot-bench');
const groups = [];

const tools = Object.fromEntries(
  ['skopeo', 'crane', 'oras', 'docker-registry', 'dockerd', 'docker'].map((name) => [name, findTool(name)]),
);
for (const [name, path] of Object.entries(tools)) if (!path) say(`no ${name} here: its rows are left out`);
if (!tools['docker-registry'] || !tools.docker)
  throw new Error('the bench needs docker-registry and the docker command');

const stops = [];
try {
  await bench();
} finally {
  for (const stop of stops.reverse()) await stop();
  rmSync(join(home, 'run'), { recursive: true, force: true });
}

async function bench() {
  const images = makeImages(join(home, 'images'), say);
  rmSync(join(home, 'run'), { recursive: true, force: true });
  mkdirSync(join(home, 'run'), { recursive: true });
  const registry = keep(await startRegistry(join(home, 'run/registry'), 15790));
  for (const image of [images.big, ...images.sharing]) await pushImage(join(home, 'images'), registry.host, image);
  const entrepot = keep(await startEntrepot(join(home, 'run/entrepot'), 15791));
  const dockerd = tools.dockerd ? keep(await startDockerd(join(home, 'run/dockerd'))) : null;
  const at = { home: join(home, 'run'), registry, entrepot, dockerd, tools, image: images.big, images: images.sharing };

  if (wanted('pull')) await pull(at);
  if (wanted('batch')) await batch(at);
  if (wanted('save')) await save(at);
  if (wanted('load')) await load(at);
  if (wanted('list')) await list(at);
  const memory = Object.fromEntries(
    processTree(entrepot.pid)
      .filter((p) => /apps\/\w+\/dist/.test(p.name))
      .map((p) => [`${/apps\/(\w+)/.exec(p.name)[1]} ${p.pid}`, peakMegabytes(p.pid)]),
  );
  console.log('\npeak resident memory, MB:', JSON.stringify(memory));
  writeReport(join(root, 'bench/out'), { at: new Date().toISOString(), machine: machine(), rounds, memory, groups });
}

async function pull(at) {
  const results = await interleave(pullCases(at), rounds, say);
  group(`Pull of ${megabytes(at.image.bytes)} MB in ${at.image.blobs.length - 1} layers`, results, {
    'skopeo copy docker: oci:': 1.0,
    'crane pull --format=oci': 1.5,
    'docker pull (overlay2)': 0.1,
  });
}

async function batch(at) {
  const unique = new Map(at.images.flatMap((image) => image.blobs.map((b) => [b.digest, b.size])));
  const uniqueBytes = [...unique.values()].reduce((a, b) => a + b, 0);
  const results = await interleave(batchCases(at), rounds, say);
  group(
    `12 images, ${megabytes(at.images.reduce((n, i) => n + i.bytes, 0))} MB, unique ${megabytes(uniqueBytes)} MB`,
    results,
    {
      'loop of crane pull, one layout': 1.2,
      'skopeo sync': 0.35,
      'loop of docker pull (overlay2)': 0.15,
    },
  );
  await emptyEntrepot(at.entrepot);
  const before = bytesWritten(at.registry.pid);
  await batchCases({ ...at, dockerd: null, tools: {} })[0].run();
  console.log(
    `upstream sent ${bytesWritten(at.registry.pid) - before} bytes for ${uniqueBytes} unique bytes (headers and manifests included)`,
  );
}

async function save(at) {
  await emptyEntrepot(at.entrepot);
  await fill(at, at.entrepot);
  if (at.dockerd) await fill(at, at.dockerd);
  group('Save to /dev/null', await interleave(saveCases(at), rounds, say), {
    'docker save (overlay2)': 0.1,
    'crane pull to a tarball': 1.0,
  });
  const ms = await firstByte(at.entrepot, `${at.registry.host}/${at.image.name}:${at.image.tag}`);
  console.log(`first byte of a save after ${ms.toFixed(1)} ms (bound 100)`);
}

async function load(at) {
  const archives = { oci: join(at.home, 'oci.tar'), plain: join(at.home, 'plain.tar') };
  await fill(at, at.entrepot);
  const ref = `${at.registry.host}/${at.image.name}:${at.image.tag}`;
  await timed(`${at.entrepot.docker} docker save -o ${archives.oci} ${ref}`);
  if (at.dockerd) {
    await fill(at, at.dockerd);
    await timed(`${at.dockerd.docker} docker save -o ${archives.plain} ${ref}`);
  }
  const cases = loadCases({ ...at, archives });
  group(
    `Load of an OCI archive, ${megabytes(statSync(archives.oci).size)} MB`,
    await interleave(cases.oci, rounds, say),
    { 'skopeo copy oci-archive: oci:': 1.0 },
  );
  if (!at.dockerd) return;
  group(
    `Load of plain layers, ${megabytes(statSync(archives.plain).size)} MB`,
    await interleave(cases.plain, Math.min(rounds, 3), say),
    { 'docker load (overlay2)': 0.4 },
  );
}

async function list(at) {
  await emptyEntrepot(at.entrepot);
  for (const server of [at.entrepot, at.dockerd].filter(Boolean)) await seedImages(server, at.home, 1000, say);
  group('docker images, 1 000 images', await interleave(listCases(at), Math.max(rounds, 10), say), {
    'docker images (dockerd)': 1.0,
  });
  await apiLatency(at.entrepot, say);
}

async function fill(at, server) {
  await timed(`${server.docker} docker pull -q ${at.registry.host}/${at.image.name}:${at.image.tag}`);
}

function group(title, results, bounds) {
  printGroup({ title, results, bounds });
  groups.push({ title, results, bounds });
}

function keep(server) {
  stops.push(server.stop);
  return server;
}

const megabytes = (bytes) => Math.round(bytes / 1e6);
const machine = () =>
  `${cpus().length} × ${cpus()[0]?.model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
