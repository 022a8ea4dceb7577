// node libs/database/scripts/migrate.mjs deploy | status | new NAME      (DATABASE_URL names the database)
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { listPending, migrate } from '../dist/migrate.js';
import { listMigrations, prismaDir, withSchemaEngine } from '../dist/schema-engine.js';

const [command, name] = process.argv.slice(2);
const url = process.env.DATABASE_URL;
const filters = { externalTables: [], externalEnums: [] };

const commands = {
  async deploy() {
    await migrate(url);
    console.log('the database is up to date');
  },
  async status() {
    const pending = await listPending(url);
    console.log(pending.length === 0 ? 'the database is up to date' : `pending: ${pending.join(', ')}`);
  },
  /** Writes what leads from the migrations to schema.prisma; triggers, checks and partial indexes are added by hand. */
  async new() {
    if (!/^[a-z][a-z0-9_]*$/.test(name ?? '')) throw new Error('give the migration a name of a-z, 0-9 and _');
    const sql = await withScratchDatabase(diff);
    const stamp = new Date().toISOString().replace(/\D/g, '').slice(0, 14);
    const folder = join(prismaDir, 'migrations', `${stamp}_${name}`);
    await mkdir(folder);
    await writeFile(join(folder, 'migration.sql'), sql);
    console.log(`wrote ${folder}/migration.sql; read it, and take out what touches partial indexes`);
  },
};

async function diff(scratchUrl) {
  const schema = { path: 'schema.prisma', content: await readFile(join(prismaDir, 'schema.prisma'), 'utf8') };
  const { stdout } = await withSchemaEngine(scratchUrl, async (engine) => {
    await engine.applyMigrations({ migrationsList: await listMigrations(), filters });
    return engine.diff({
      from: { tag: 'schemaDatasource', files: [schema], configDir: prismaDir },
      to: { tag: 'schemaDatamodel', files: [schema] },
      script: true,
      exitCode: null,
      shadowDatabaseUrl: null,
      filters,
    });
  });
  return stdout;
}

async function withScratchDatabase(use) {
  const scratch = `entrepot_scratch_${process.pid}`;
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`create database ${scratch}`);
    const scratchUrl = new URL(url);
    scratchUrl.pathname = `/${scratch}`;
    return await use(String(scratchUrl));
  } finally {
    await client.query(`drop database if exists ${scratch} with (force)`);
    await client.end();
  }
}

const run = commands[command];
if (!run || !url) {
  console.error('usage: DATABASE_URL=postgres://… migrate.mjs deploy | status | new NAME');
  process.exitCode = 2;
} else {
  await run().catch((error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}
