// `npm run bench [-- --only pull,save --rounds 5 --without dockerd]`: Entrepot beside its peers, in one run.
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../scripts/workspace.mjs';
import { firstByte, listLatency } from './api.mjs';
import { fairStory, overheadStory, planStory, sharingStory } from './batches.mjs';
import {
  batchCases,
  emptyEntrepot,
  listCases,
  loadCases,
  pullCases,
  saveCases,
  settle,
  withServices,
} from './cases.mjs';
import { commitCases, diffCases } from './containers.mjs';
import { startCounter } from './counter.mjs';
import { makeImages, pushImage, pushLargeLayer } from './images.mjs';
import { analysisCases, readingCases } from './inside-cases.mjs';
import { interleave, peakLine, storedBytes, timed } from './measure.mjs';
import { findTool, sleep, startDockerd, startEntrepot, startMinio, startRedis, startRegistry } from './peers.mjs';
import { printGroup, writeReport } from './report.mjs';
import { loadSeed } from './seed.mjs';

const { values } = parseArgs({
  options: { only: { type: 'string' }, without: { type: 'string' }, rounds: { type: 'string', default: '5' } },
});
const rounds = Number(values.rounds);
const named = (list, name) => list?.split(',').includes(name) ?? false;
const say = (line) => process.stderr.write(`bench: ${line}\n`);
const home = join(tmpdir(), 'entrepot-bench');
mkdirSync(home, { recursive: true });
const run = mkdtempSync(join(home, 'run-'));
const groups = [];
const notes = [];
const stops = [];

const stories = { pull, batch, batches, save, load, inside, list, tags, memory, containers, production };

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void stopAll().then(() => process.exit(1)));
await main();

async function main() {
  const chosen = Object.keys(stories).filter((name) => !values.only || named(values.only, name));
  const tools = findTools();
  try {
    const at = await setUp(
      tools,
      chosen.some((name) => name !== 'batches'),
    );
    for (const name of chosen) await stories[name](at);
  } finally {
    await stopAll();
  }
  writeReport(join(root, 'bench/out'), { at: new Date().toISOString(), machine: machine(), rounds, notes, groups });
}

async function stopAll() {
  for (const stop of stops.splice(0).reverse()) await stop();
  rmSync(run, { recursive: true, force: true });
}

function findTools() {
  const names = ['docker', 'docker-registry', 'dockerd', 'skopeo', 'crane', 'oras', 'redis-server', 'minio'];
  const tools = Object.fromEntries(names.map((name) => [name, named(values.without, name) ? null : findTool(name)]));
  for (const [name, path] of Object.entries(tools)) if (!path) say(`no ${name}: its rows are left out`);
  if (!tools['docker-registry'] || !tools.docker) throw new Error('the bench needs docker-registry and docker');
  return tools;
}

/** Batches bring images of their own; the others take their time to make. */
async function setUp(tools, withImages) {
  const made = join(home, 'images');
  const { big, sharing } = withImages ? makeImages(made, say) : { big: null, sharing: [] };
  const registry = keep(await startRegistry(join(run, 'registry')));
  for (const image of withImages ? [big, ...sharing] : []) await pushImage(made, registry.host, image);
  const entrepot = keep(await startEntrepot(join(run, 'entrepot')));
  const dockerd = tools.dockerd ? keep(await startDockerd(join(run, 'dockerd'))) : null;
  return { home: run, registry, entrepot, dockerd, tools, image: big, images: sharing };
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
  const uniqueBytes = sum([...unique.values()]);
  const results = await interleave(batchCases(at), rounds, say);
  const total = sum(at.images.map((image) => image.bytes));
  group(`12 images at once, ${megabytes(total)} MB, unique ${megabytes(uniqueBytes)} MB`, results, {
    'loop of crane pull, one layout': 1.2,
    'skopeo sync': 0.35,
    'loop of docker pull (overlay2)': 0.15,
  });
  const sent = await countUpstreamBytes(at);
  note(`12 images at once: ${sent} bytes of blobs asked for upstream, ${uniqueBytes} bytes unique`);
}

/** What queued batches promise. */
async function batches(at) {
  const story = { ...at, rounds, group, note, keep, interleave, say };
  for (const tell of [sharingStory, planStory, fairStory, overheadStory]) await tell(story);
  await emptyEntrepot(at.entrepot);
}

/** Pulls all images once more through a proxy that counts the bytes of blobs. */
async function countUpstreamBytes(at) {
  const counter = await startCounter(at.registry.host);
  try {
    await emptyEntrepot(at.entrepot);
    await batchCases({ ...at, registry: counter, dockerd: null, tools: {} })[0].run();
    return counter.blobBytes();
  } finally {
    await counter.stop();
  }
}

async function save(at) {
  await emptyEntrepot(at.entrepot);
  await fill(at, at.entrepot);
  if (at.dockerd) await fill(at, at.dockerd);
  group('Save to /dev/null', await interleave(saveCases(at), rounds, say), {
    'docker save (overlay2)': 0.1,
    'crane pull to a tarball': 1.0,
  });
  note(`first byte of a save after ${(await firstByte(at.entrepot, refOf(at))).toFixed(1)} ms (bound 100)`);
}

async function load(at) {
  const archives = { oci: join(run, 'oci.tar'), plain: join(run, 'plain.tar') };
  await fill(at, at.entrepot);
  await timed(`${at.entrepot.docker} docker save -o ${archives.oci} ${refOf(at)}`);
  if (at.dockerd) {
    await fill(at, at.dockerd);
    await timed(`${at.dockerd.docker} docker save -o ${archives.plain} ${refOf(at)}`);
  }
  const cases = loadCases({ ...at, archives });
  const oci = await interleave(cases.oci, rounds, say);
  group(`Load of an OCI archive, ${megabytes(statSync(archives.oci).size)} MB`, oci, {
    'skopeo copy oci-archive: oci:': 1.0,
  });
  await loadAgain(at, archives.oci);
  if (!at.dockerd) return;
  const plain = await interleave(cases.plain, rounds, say);
  group(`Load of plain layers, ${megabytes(statSync(archives.plain).size)} MB`, plain, {
    'docker load (overlay2)': 0.4,
  });
  await loadAgain(at, archives.plain);
}

async function loadAgain(at, archive) {
  const line = `${at.entrepot.docker} docker load -q -i ${archive}`;
  await timed(line);
  await sleep(3_000);
  await settle(at.entrepot);
  const before = storedBytes(at.entrepot);
  const { wall } = await timed(line);
  note(
    `a second load of ${basename(archive)} took ${wall.toFixed(3)} s and stored ${storedBytes(at.entrepot) - before} bytes`,
  );
}

/** What is in the big image. */
async function inside(at) {
  const made = join(home, 'images');
  group('Analysis of the big image', await interleave(analysisCases(at, made), rounds, say), {
    'gunzip | sha256sum': 1.2,
  });
  const { cat, waste } = readingCases(at, made);
  group('Last file of the largest layer', await interleave(cat, rounds, say), { 'gunzip of the layer': 1.1 });
  say('waiting for seek points');
  await sleep(15_000);
  await settle(at.entrepot);
  group('Last file, with seek points', await interleave(cat, rounds, say), { 'gunzip of the layer': 0.2 });
  group('Waste report', await interleave(waste, rounds, say), {});
}

async function list(at) {
  await emptyEntrepot(at.entrepot);
  for (const server of [at.entrepot, at.dockerd].filter(Boolean)) {
    say('loading 1 000 images');
    await loadSeed(server, run, { images: 1_000, tagsEach: 1 });
  }
  group('docker images, 1 000 images', await interleave(listCases(at), Math.max(rounds, 10), say), {
    'docker images (dockerd)': 1.0,
  });
}

async function tags(at) {
  await emptyEntrepot(at.entrepot);
  say('loading 100 000 tags');
  await loadSeed(at.entrepot, run, { images: 1_000, tagsEach: 100 });
  for (const line of await listLatency(at.entrepot)) note(line);
}

/** What the services need at most while a layer of 4 GB goes in and out. */
async function memory(at) {
  await emptyEntrepot(at.entrepot);
  const image = await pushLargeLayer(at.registry.host, 4 * 2 ** 30);
  const ref = `${at.registry.host}/${image.name}:${image.tag}`;
  const archive = join(run, 'large.tar');
  for (const line of [
    `docker pull -q ${ref}`,
    `docker save -o ${archive} ${ref}`,
    `docker rmi ${ref}`,
    `docker load -q -i ${archive}`,
  ]) {
    const { wall, ...peaks } = await withServices(at.entrepot, `${at.entrepot.docker} ${line}`);
    note(`4 GiB layer, ${line.split(' ', 2).join(' ')}: ${wall.toFixed(1)} s, ${peakLine(peaks)}`);
  }
  rmSync(archive);
  await emptyEntrepot(at.entrepot);
}

/** What a container that was changed a little costs. */
async function containers(at) {
  await emptyEntrepot(at.entrepot);
  await fill(at, at.entrepot);
  if (at.dockerd) await fill(at, at.dockerd);
  const title = `of a container with ${megabytes(1_000_000)} MB of its own on the big image`;
  group(`Commit ${title}`, await interleave(commitCases(at), rounds, say), { 'docker commit of 1 MB (overlay2)': 0.3 });
  group(`Diff ${title}`, await interleave(diffCases(at), rounds, say), { 'docker diff of 1 MB (overlay2)': 1.0 });
}

/** The same pull and save with Redis and MinIO instead of PostgreSQL and a folder. */
async function production(at) {
  if (!at.tools['redis-server'] || !at.tools.minio) return;
  const redis = keep(await startRedis(join(run, 'redis')));
  const minio = keep(await startMinio(join(run, 'minio')));
  const entrepot = keep(
    await startEntrepot(join(run, 'production'), {
      QUEUE_URL: redis.url,
      BLOB_STORE_URL: minio.url,
      ...minio.env,
    }),
  );
  const both = [
    ...pullCases({ ...at, tools: {}, dockerd: null }),
    ...pullCases({ ...at, entrepot, tools: {}, dockerd: null }).map(
      renamed('entrepot on Redis and MinIO: docker pull'),
    ),
  ];
  group('Pull with Redis and MinIO', await interleave(both, rounds, say), {});
  await fill(at, at.entrepot);
  await fill(at, entrepot);
  const saves = [
    ...saveCases({ ...at, tools: {}, dockerd: null }),
    ...saveCases({ ...at, entrepot, tools: {}, dockerd: null }).map(
      renamed('entrepot on Redis and MinIO: docker save'),
    ),
  ];
  group('Save with Redis and MinIO', await interleave(saves, rounds, say), {});
}

function renamed(name) {
  return (one) => ({ ...one, name, ours: false });
}

function refOf({ registry, image }) {
  return `${registry.host}/${image.name}:${image.tag}`;
}

async function fill(at, server) {
  await timed(`${server.docker} docker pull -q ${refOf(at)}`);
  await sleep(3_000);
  await settle(server);
}

function group(title, results, bounds) {
  printGroup({ title, results, bounds });
  groups.push({ title, results, bounds });
}

function note(line) {
  console.log(`\n${line}`);
  notes.push(line);
}

function keep(server) {
  stops.push(server.stop);
  return server;
}

function sum(values) {
  return values.reduce((a, b) => a + b, 0);
}

function megabytes(bytes) {
  return Math.round(bytes / 1e6);
}

function machine() {
  return `${cpus().length} × ${cpus()[0]?.model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
}
