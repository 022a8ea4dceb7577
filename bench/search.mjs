// `node bench/search.mjs [repositories]`: search of what is here, on a PostgreSQL of its own. Needs nothing but Node.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrate, openDatabase, searchRepositories, startEmbeddedPostgres } from '../libs/database/dist/index.js';
import { seedCatalogue } from '../libs/testing/dist/index.js';

const repositories = Number(process.argv[2] ?? 100_000);
const rounds = 40;
/** Rare and everywhere, names and words of labels, one letter and none that matches. */
const terms = [
  ...['redis', 'web', 'team7/', 'proxy-99', 'storefront', 'ledger team', 'person42', 'a', 'er', 'zzz', 'quay.io/team1'],
  ...['server', 'project', 'number 4711', 'org', 'kafka-worker', '99999', 'gateway-1', 'xq', ''],
];

const dataDir = mkdtempSync(join(tmpdir(), 'entrepot-bench-search-'));
const server = await startEmbeddedPostgres({ dataDir });
await migrate(server.url);
const database = openDatabase(server.url);
try {
  await database.prisma.$transaction((tx) => seedCatalogue(tx, repositories), { timeout: 600_000 });
  await database.prisma.$executeRawUnsafe('vacuum analyze');
  const all = [];
  for (const term of terms) {
    const times = [];
    let found = 0;
    for (let round = 0; round < rounds; round += 1) {
      const started = performance.now();
      found = (await searchRepositories(database.prisma, { term, limit: 25 })).length;
      times.push(performance.now() - started);
    }
    console.log(`${JSON.stringify(term).padEnd(16)} ${String(found).padStart(3)} found  ${spread(times)}`);
    all.push(...times);
  }
  console.log(`${repositories} repositories, ${all.length} searches: ${spread(all)} (bound: p99 50 ms)`);
} finally {
  await database.close();
  await server.stop();
  rmSync(dataDir, { recursive: true, force: true });
}

function spread(times) {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share) => `${sorted[Math.floor((sorted.length - 1) * share)].toFixed(1)} ms`;
  return `p50 ${at(0.5)}, p99 ${at(0.99)}`;
}
