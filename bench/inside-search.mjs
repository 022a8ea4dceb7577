// `node bench/inside-search.mjs [images]`: search inside images, over rows as the archiver writes them, on a PostgreSQL of
// its own. Each image shows about 10 000 entries in ten layers: one of 20 bases with 4 000, two of 200 middles with 1 000,
// seven of its own with 570; of a million different paths, as real layers of one company have many in common.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  exactPath,
  findImagesByBase,
  findImagesByChain,
  findImagesByContent,
  findImagesByLabel,
  findImagesByLayer,
  findImagesByPackage,
  findImagesByPath,
  listPackageVersions,
  migrate,
  openDatabase,
  parsePathGlob,
  startEmbeddedPostgres,
} from '../libs/database/dist/index.js';

const images = Number(process.argv[2] ?? 1_000);
const rounds = 10;

/** How many different layers of each sort there are, and entries in one. */
const sorts = [
  { sort: 'base', count: 20, entries: 4_000 },
  { sort: 'mid', count: 200, entries: 1_000 },
  { sort: 'own', count: images * 7, entries: 570 },
];

const digest = (text) => `'sha256:' || encode(sha256((${text})::bytea), 'hex')`;

const dataDir = mkdtempSync(join(tmpdir(), 'entrepot-bench-inside-'));
const server = await startEmbeddedPostgres({ dataDir });
await migrate(server.url);
const database = openDatabase(server.url);
const { prisma } = database;
try {
  const started = performance.now();
  await seed();
  const [{ rows, paths }] = await prisma.$queryRawUnsafe(
    'select (select count(*)::int from layer_file) as rows, (select count(*)::int from file_path) as paths',
  );
  console.log(
    `seeded ${images} images, ${rows} rows, ${paths} paths in ${Math.round((performance.now() - started) / 1000)} s`,
  );
  await measure();
} finally {
  await database.close();
  await server.stop();
  rmSync(dataDir, { recursive: true, force: true });
}

async function measure() {
  const [{ base, chain, layer }] = await prisma.$queryRawUnsafe(`
    select (select id from image order by id limit 1) as base, config #>> '{rootfs,diff_ids,0}' as chain,
           config #>> '{rootfs,diff_ids,3}' as layer from image limit 1`);
  const sha = async (text) =>
    (await prisma.$queryRawUnsafe(`select encode(sha256('${text}'::bytea), 'hex') as it`))[0].it;
  const everywhere = await sha('base1/1');
  const [{ own, glob }] = await prisma.$queryRawUnsafe(`
    select p.path as own, '/' || substring(p.path from '^opt/dir[0-9]+') || '/**/file-*' as glob
      from layer_file f join listed_layer l on l.id = f.layer_id join file_path p on p.id = f.path_id
     where l.digest = ${digest(`'own5'`)} limit 1`);
  const versions = await listPackageVersions(prisma, 'package7', null);
  const questions = {
    'a path of one image': () => findImagesByPath(prisma, exactPath(own)),
    'a path of a base': () => findImagesByPath(prisma, exactPath('usr/share/doc/package7/copyright')),
    'a path that is nowhere': () => findImagesByPath(prisma, exactPath('no/such/path')),
    'a name glob, rare': () => findImagesByPath(prisma, parsePathGlob('file-70017*')),
    'a name glob, everywhere': () => findImagesByPath(prisma, parsePathGlob('copyright*')),
    'a name glob, 100 000 paths': () => findImagesByPath(prisma, parsePathGlob('*.so')),
    'a path glob': () => findImagesByPath(prisma, parsePathGlob(glob)),
    'a content everywhere': () => findImagesByContent(prisma, everywhere),
    'a content nowhere': () => findImagesByContent(prisma, '0'.repeat(64)),
    'a package, half of its versions': () =>
      findImagesByPackage(prisma, 'package7', versions.slice(0, versions.length / 2)),
    'a layer': () => findImagesByLayer(prisma, layer),
    'a base image': () => findImagesByBase(prisma, base),
    'a chain id': () => findImagesByChain(prisma, chain),
    'a label': () => findImagesByLabel(prisma, 'owner', 'team7'),
  };
  const all = [];
  for (const [name, ask] of Object.entries(questions)) {
    const times = [];
    let found = 0;
    for (let round = 0; round < rounds; round += 1) {
      const from = performance.now();
      found = (await ask()).images.size;
      times.push(performance.now() - from);
    }
    console.log(`${name.padEnd(32)} ${String(found).padStart(5)} images  ${spread(times)}`);
    all.push(...times);
  }
  console.log(`${all.length} questions: ${spread(all)} (bound: p95 1 000 ms)`);
}

async function seed() {
  const run = (sql) => prisma.$transaction((tx) => tx.$executeRawUnsafe(sql), { timeout: 1_800_000 });
  await run(`insert into file_path (key, path, name)
    select path_key(path), path, regexp_replace(path, '^.*/', '') from (
      select 'opt/dir' || n % 1000 || '/sub' || n % 7 || '/file-' || n || (array['.so', '.js', '.txt', ''])[1 + n % 4] as path
        from generate_series(1, 995000) n
      union all select 'usr/share/doc/package' || n || '/copyright' from generate_series(1, 4000) n
      union all select 'opt/dir' || n from generate_series(0, 999) n
      union all select unnest(array['', 'opt', 'usr', 'usr/share', 'usr/share/doc', 'var/lib/dpkg/status'])) p`);
  for (const { sort, count, entries } of sorts) {
    await run(`insert into blob (digest, size_bytes, storage_key, diff_id, analysed_at)
      select ${digest(`'${sort}' || n`)}, 1000, '${sort}/' || n, ${digest(`'${sort}' || n`)}, now() from generate_series(0, ${count - 1}) n`);
    await run(`insert into listed_layer (digest, listed_at)
      select ${digest(`'${sort}' || n`)}, now() from generate_series(0, ${count - 1}) n`);
    const path =
      sort === 'base'
        ? `select id from file_path where key = path_key('usr/share/doc/package' || e || '/copyright')`
        : `select 1 + abs(hashint8((l.n::bigint << 20) + e)) % 995000`;
    await run(`insert into layer_file (layer_id, path_id, kind, hides, sha256)
      select distinct on (2, 1) l.id, (${path}), 'f'::"char", false, sha256(('${sort}' || l.n || '/' || e)::bytea)
        from (select d.id, n from generate_series(0, ${count - 1}) n join listed_layer d on d.digest = ${digest(`'${sort}' || n`)}) l,
             generate_series(1, ${entries}) e
       order by 2, 1`);
    console.log(`${count} layers of the sort ${sort}`);
  }
  await run(`insert into layer_package (layer_id, path_id, ecosystem, name, version)
    select d.id, path_id('var/lib/dpkg/status'), 'deb', 'package' || k, '1.' || (n + k) % 20
      from generate_series(0, 19) n join listed_layer d on d.digest = ${digest(`'base' || n`)}, generate_series(1, 400) k`);
  await run(`insert into layer_file (layer_id, path_id, kind, hides)
    select d.id, path_id('var/lib/dpkg/status'), 'f'::"char", false
      from generate_series(0, 19) n join listed_layer d on d.digest = ${digest(`'base' || n`)}`);
  const stack = `array[${digest(`'base' || i % 20`)}, ${digest(`'mid' || i % 200`)}, ${digest(`'mid' || (i * 7 + 1) % 200`)}]
    || array(select ${digest(`'own' || (i * 7 + o)`)} from generate_series(0, 6) o)`;
  await run(`insert into image (id, config, os, architecture, labels)
    select ${digest(`'image' || i`)}, jsonb_build_object('rootfs', jsonb_build_object('diff_ids', ${stack})), 'linux', 'amd64',
           jsonb_build_object('owner', 'team' || i % 30) from generate_series(0, ${images - 1}) i`);
  await run(`insert into manifest (digest, media_type, kind, bytes, image_id)
    select ${digest(`'manifest' || i`)}, 'm', 'image', '{}', ${digest(`'image' || i`)} from generate_series(0, ${images - 1}) i`);
  await run(`insert into manifest_blob (manifest_digest, position, blob_digest, media_type)
    select ${digest(`'manifest' || i`)}, s.position, s.digest, 'layer'
      from generate_series(0, ${images - 1}) i, unnest(${stack}) with ordinality as s (digest, position)`);
  await prisma.$executeRawUnsafe('vacuum analyze');
}

function spread(times) {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share) => `${sorted[Math.floor((sorted.length - 1) * share)].toFixed(1)} ms`;
  return `p50 ${at(0.5)}, p95 ${at(0.95)}`;
}
