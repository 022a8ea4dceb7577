import { readFile } from 'node:fs/promises';
import { createTestDatabase, type PostgresServer, startPostgres } from '@entrepot/testing';
import { openDatabase } from './database.js';
import { listPending, migrate } from './migrate.js';
import { prismaDir, withSchemaEngine } from './schema-engine.js';

describe('migrations', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.stop());

  /** An empty database on the server. */
  async function emptyDatabase(name: string): Promise<string> {
    const database = openDatabase(server.url);
    await database.prisma.$executeRawUnsafe(`create database ${name}`);
    await database.close();
    const url = new URL(server.url);
    url.pathname = `/${name}`;
    return String(url);
  }

  async function run(url: string, sql: string): Promise<void> {
    const database = openDatabase(url);
    await database.prisma.$executeRawUnsafe(sql);
    await database.close();
  }

  it('are applied once, also by several processes at the same time', async () => {
    const url = await emptyDatabase('several');
    expect((await listPending(url)).length).toBeGreaterThan(0);
    await Promise.all([migrate(url), migrate(url), migrate(url)]);
    expect(await listPending(url)).toEqual([]);
    await migrate(url);
  });

  it('refuse a database of a newer version in one line', async () => {
    const url = await emptyDatabase('newer');
    await migrate(url);
    await run(
      url,
      `insert into _prisma_migrations (id, checksum, migration_name, finished_at)
       values ('x', 'x', '29990101000000_later', now())`,
    );
    await expect(migrate(url)).rejects.toMatchObject({
      code: 'DATABASE_NEWER',
      message: expect.stringMatching(/^the database was made by a newer version: .*29990101000000_later.*$/),
    });
  });

  it('go on after one was cut off in the middle', async () => {
    const url = await emptyDatabase('cut');
    await migrate(url);
    // What a crash leaves: the note that it began, and nothing of it.
    await run(url, `drop schema public cascade`);
    await run(url, `create schema public`);
    await run(
      url,
      `create table _prisma_migrations (id varchar(36) primary key, checksum varchar(64) not null, finished_at timestamptz,
         migration_name varchar(255) not null, logs text, rolled_back_at timestamptz,
         started_at timestamptz not null default now(), applied_steps_count integer not null default 0)`,
    );
    await run(
      url,
      `insert into _prisma_migrations (id, checksum, migration_name) values ('x', 'x', '20261123000000_first')`,
    );
    await migrate(url);
    expect(await listPending(url)).toEqual([]);
  });

  it('say in one line what failed, and leave nothing half done', async () => {
    const url = await emptyDatabase('failing');
    await run(url, `create type tombstone as (x int)`);
    await expect(migrate(url)).rejects.toMatchObject({
      code: 'MIGRATION_FAILED',
      message: expect.stringMatching(/^the migration of the database failed: .*"tombstone" already exists$/),
    });
    await run(url, `drop type tombstone`);
    await migrate(url);
  });
});

describe('the Prisma schema', () => {
  it('has the tables and columns that the migrations make', async () => {
    const { url, drop } = await createTestDatabase();
    const { schema } = await withSchemaEngine(url, (engine) =>
      engine.introspect({
        schema: { files: [{ path: 'schema.prisma', content: 'datasource db {\n  provider = "postgresql"\n}\n' }] },
        baseDirectoryPath: '/',
        force: true,
        compositeTypeDepth: -1,
        namespaces: null,
      } as never),
    );
    const written = await readFile(`${prismaDir}/schema.prisma`, 'utf8');
    const found = schema.files.map(({ content }) => content).join('\n');
    expect(columnsOf(written)).toEqual(columnsOf(found));
    await drop();
  });

  /** `table.column type` of every column, by the names in the database. */
  function columnsOf(schema: string): string[] {
    const columns: string[] = [];
    for (const [, name = '', body = ''] of schema.matchAll(/^model (\w+) \{\n(.*?)\n\}/gms)) {
      const table = /@@map\("(\w+)"\)/.exec(body)?.[1] ?? name;
      for (const line of body.split('\n')) {
        const [, field = '', type = ''] = /^ {2}(\w+)\s+(\S+)/.exec(line) ?? [];
        const isScalar = /^(String|BigInt|Int|Boolean|DateTime|Json|Bytes|Float)\b/.test(type);
        if (isScalar) columns.push(`${table}.${/@map\("(\w+)"\)/.exec(line)?.[1] ?? field} ${type}`);
      }
    }
    return columns.sort();
  }
});
