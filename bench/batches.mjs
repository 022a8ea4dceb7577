// What queued batches promise: 100 images with heavy sharing beside tools that know no batches, 10 000 items accepted and
// planned, a small pull while 500 images run, and what an item costs when it brings nothing.
import { createHash, randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { emptyEntrepot, withServices } from './cases.mjs';
import { startCounter } from './counter.mjs';
import { cpuSeconds, processTree, timed } from './measure.mjs';
import { sleep, startEntrepot, startRedis } from './peers.mjs';

const types = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
};

const digestOf = (bytes) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** A tar of one file that does not compress. */
function layerOf(name, sizeBytes) {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write('0000644\0', 100);
  header.write(`${sizeBytes.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0        0', 136);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const padding = Buffer.alloc((512 - (sizeBytes % 512)) % 512);
  const bytes = Buffer.concat([header, randomBytes(sizeBytes), padding, Buffer.alloc(1024)]);
  return { bytes, digest: digestOf(bytes) };
}

function imageOf(name, layers) {
  const config = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: { Labels: { name } },
      rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
    }),
  );
  const describe = (mediaType, bytes) => ({ mediaType, digest: digestOf(bytes), size: bytes.length });
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: types.manifest,
      config: describe(types.config, config),
      layers: layers.map(({ bytes }) => describe(types.layer, bytes)),
    }),
  );
  return { name, manifest, blobs: [{ bytes: config, digest: digestOf(config) }, ...layers] };
}

async function push(registry, image) {
  const base = `http://${registry}/v2/${image.name}`;
  for (const { bytes, digest } of image.blobs) {
    if ((await fetch(`${base}/blobs/${digest}`, { method: 'HEAD' })).ok) continue;
    const begun = await fetch(`${base}/blobs/uploads/`, { method: 'POST' });
    const location = new URL(begun.headers.get('location'), base);
    location.searchParams.set('digest', digest);
    await must(
      fetch(location, { method: 'PUT', body: bytes, headers: { 'content-type': 'application/octet-stream' } }),
    );
  }
  const headers = { 'content-type': types.manifest };
  await must(fetch(`${base}/manifests/1`, { method: 'PUT', body: image.manifest, headers }));
}

async function must(asked) {
  const answer = await asked;
  if (!answer.ok) throw new Error(`${answer.url}: ${answer.status} ${await answer.text()}`);
  return answer;
}

/** A batch from the request to its end; the seconds until each state is seen. */
async function runBatch(entrepot, items, request = {}) {
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1000;
  const options = { method: 'POST', headers: { 'content-type': 'application/json' } };
  const body = JSON.stringify({ items, ...request });
  const made = await must(fetch(`${entrepot.url}/api/v1/batches`, { ...options, body }));
  let batch = await made.json();
  const accepted = seconds();
  let planned;
  while (batch.state === 'planning' || batch.state === 'running') {
    // Counting thousands of items is work, too; who asks all the time measures himself.
    await sleep(100);
    batch = await (await must(fetch(`${entrepot.url}/api/v1/batches/${batch.id}`))).json();
    if (batch.state !== 'planning') planned ??= seconds();
  }
  return { batch, accepted, planned, done: seconds() };
}

/** 100 images: four bases, ten middle layers, one small layer of their own. */
export async function sharingStory({ home, registry, entrepot, dockerd, tools, group, note, interleave, rounds, say }) {
  const bases = [1, 2, 3, 4].map((n) => layerOf(`base-${n}`, 8_000_000));
  const middles = Array.from({ length: 10 }, (_, n) => layerOf(`middle-${n}`, 1_000_000));
  const images = Array.from({ length: 100 }, (_, n) =>
    imageOf(`bench/many${n}`, [bases[n % 4], middles[n % 10], layerOf(`own-${n}`, 20_000)]),
  );
  say('pushing 100 images that share layers');
  for (const image of images) await push(registry.host, image);
  const unique = new Map(images.flatMap(({ blobs }) => blobs.map(({ digest, bytes }) => [digest, bytes.length])));
  const uniqueBytes = [...unique.values()].reduce((sum, size) => sum + size, 0);
  const refsAt = (host) => images.map(({ name }) => `${host}/${name}:1`);
  const loop = (each) => `for r in ${refsAt(registry.host).join(' ')}; do ${each}; done`;
  const out = join(home, 'many');
  const clear = () => rmSync(out, { recursive: true, force: true });
  const yaml = `${registry.host}:\\n  tls-verify: false\\n  images:\\n${images.map(({ name }) => `    ${name}: ["1"]`).join('\\n')}\\n`;
  const copy = (name, line) => ({ name, maxRounds: 2, before: clear, run: () => timed(line), after: clear });
  const cases = [
    {
      name: 'entrepot: one batch',
      ours: true,
      before: () => emptyEntrepot(entrepot),
      run: async () => {
        const { batch, done } = await runBatch(entrepot, refsAt(registry.host));
        if (batch.counts.done !== 100) throw new Error(JSON.stringify(batch.counts));
        return { wall: done, cpu: 0 };
      },
    },
    tools.skopeo &&
      copy(
        'skopeo sync',
        `mkdir -p ${out} && printf '${yaml}' >${home}/many.yml && skopeo --insecure-policy sync --src yaml --dest dir ${home}/many.yml ${out}`,
      ),
    tools.crane && copy('loop of crane pull', loop(`${tools.crane} pull --insecure --format=oci $r ${out}`)),
    dockerd && {
      name: 'loop of docker pull (overlay2)',
      maxRounds: 1,
      before: () => timed(`export ${dockerd.docker}; docker image ls -qa | sort -u | xargs -r docker rmi -f`),
      run: () => withServices(dockerd, `export ${dockerd.docker}; ${loop('docker pull -q $r')}`),
    },
  ].filter(Boolean);
  const results = await interleave(cases, Math.min(rounds, 3), say);
  group(`Batch of 100 images, unique ${(uniqueBytes / 1e6).toFixed(0)} MB`, results, {
    'skopeo sync': 1.0,
    'loop of crane pull': 1.0,
    'loop of docker pull (overlay2)': 1.0,
  });
  await emptyEntrepot(entrepot);
  note(
    `100 images in one batch: ${await upstreamBytes(registry, (host) => runBatch(entrepot, refsAt(host)))} bytes of blobs upstream, ${uniqueBytes} unique`,
  );
  if (!tools.skopeo) return;
  const sync = (host) =>
    timed(
      `mkdir -p ${out} && printf '${yaml.replaceAll(registry.host, host)}' >${home}/many.yml && skopeo --insecure-policy sync --src yaml --dest dir ${home}/many.yml ${out}`,
    );
  note(`the same by skopeo sync: ${await upstreamBytes(registry, sync)} bytes of blobs upstream`);
  clear();
}

async function upstreamBytes(registry, run) {
  const counter = await startCounter(registry.host);
  try {
    await run(counter.host);
    return counter.blobBytes();
  } finally {
    await counter.stop();
  }
}

/** 10 000 items of a registry that answers from memory: what is left is our own work. */
export async function planStory({ entrepot, note }) {
  const images = new Map(
    Array.from({ length: 100 }, (_, n) => [`/v2/plan/image${n}`, imageOf(`plan/image${n}`, [layerOf(`l${n}`, 100)])]),
  );
  const server = createServer((request, response) => {
    const image = images.get(/^\/v2\/plan\/image\d+/.exec(request.url)?.[0] ?? '');
    const headers = { 'content-type': types.manifest, 'docker-content-digest': digestOf(image.manifest) };
    response.writeHead(200, { ...headers, 'content-length': image.manifest.length });
    response.end(request.method === 'HEAD' ? undefined : image.manifest);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${server.address().port}`;
  const items = Array.from({ length: 10_000 }, (_, n) => `${host}/plan/image${n % 100}:v${n}`);
  const pids = processTree(entrepot.pid).map(({ pid }) => pid);
  const before = cpuSeconds(pids);
  const { batch, accepted, done } = await runBatch(entrepot, items, { dryRun: true });
  const own = cpuSeconds(pids) - before;
  server.close();
  server.closeAllConnections();
  note(
    `10 000 items: accepted after ${accepted.toFixed(2)} s, planned after ${done.toFixed(2)} s with the registry's answers ` +
      `(${batch.counts.planned} items); our processes worked ${own.toFixed(2)} CPU seconds for it`,
  );
}

/** `docker pull` of a small image alone, and while a batch of 500 images runs. */
export async function fairStory({ registry, entrepot, note, say }) {
  await emptyEntrepot(entrepot);
  say('pushing 500 images and two small ones');
  const shared = layerOf('shared', 2_000_000);
  const images = Array.from({ length: 500 }, (_, n) =>
    imageOf(`bench/crowd${n}`, [shared, layerOf(`crowd-${n}`, 1_000_000)]),
  );
  const small = ['alone', 'among'].map((name) =>
    imageOf(
      `bench/${name}`,
      [1, 2, 3].map((n) => layerOf(`${name}-${n}`, 10_000_000)),
    ),
  );
  for (const image of [...images, ...small]) await push(registry.host, image);
  const pull = (name) => timed(`${entrepot.docker} docker pull -q ${registry.host}/bench/${name}:1`);
  const alone = await pull('alone');
  const running = runBatch(
    entrepot,
    images.map(({ name }) => `${registry.host}/${name}:1`),
  );
  await sleep(3_000);
  const among = await pull('among');
  const { done, batch } = await running;
  note(
    `docker pull of 30 MB: ${alone.wall.toFixed(2)} s alone, ${among.wall.toFixed(2)} s while a batch of 500 images runs ` +
      `(${(among.wall / alone.wall).toFixed(2)} times, bound 2); the batch took ${done.toFixed(1)} s, ${batch.counts.done} done`,
  );
}

/** What an item costs that brings one tiny image, on each queue. */
export async function overheadStory({ home, registry, tools, entrepot, note, keep, say }) {
  say('pushing 300 tiny images');
  const images = Array.from({ length: 300 }, (_, n) => imageOf(`bench/tiny${n}`, [layerOf(`tiny-${n}`, 100)]));
  for (const image of images) await push(registry.host, image);
  const refs = images.map(({ name }) => `${registry.host}/${name}:1`);
  const servers = [['PostgreSQL', entrepot]];
  if (tools['redis-server']) {
    const redis = keep(await startRedis(join(home, 'batch-redis')));
    servers.push(['Redis', keep(await startEntrepot(join(home, 'batch-on-redis'), { QUEUE_URL: redis.url }))]);
  }
  for (const [name, server] of servers) {
    const { done, batch } = await runBatch(server, refs);
    note(
      `queue on ${name}: ${((done / refs.length) * 1000).toFixed(1)} ms an item (${batch.counts.done} tiny images in one batch)`,
    );
  }
}
