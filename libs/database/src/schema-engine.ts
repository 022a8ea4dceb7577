// Prisma's schema engine as WebAssembly: no binary to download. The package imports its .wasm as a module, which Node
// cannot do, so it is instantiated here.
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory, ColumnTypeEnum } from '@prisma/driver-adapter-utils';
import type { MigrationList, SchemaEngine } from '@prisma/schema-engine-wasm';
import pg from 'pg';

const moduleName = '@prisma/schema-engine-wasm/schema_engine_bg';

/** `prisma/` of this repository: the schema and its migrations. */
export const prismaDir = fileURLToPath(new URL('../../../prisma', import.meta.url));

/** Runs `use` with a schema engine that works on one database. */
export async function withSchemaEngine<T>(url: string, use: (engine: SchemaEngine) => Promise<T>): Promise<T> {
  const { SchemaEngine: Engine } = await loadEngine();
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  const failures: Error[] = [];
  try {
    const adapter = bindMigrationAwareSqlAdapterFactory(mendedAdapter(pool, failures));
    const schema: [string, string] = ['schema.prisma', await readFile(join(prismaDir, 'schema.prisma'), 'utf8')];
    const engine = await Engine.new({ datamodels: [schema] }, () => {}, adapter);
    try {
      return await use(engine);
    } finally {
      engine.free();
    }
  } catch (error) {
    throw failures[0] ?? error;
  } finally {
    await pool.end();
  }
}

/** The migrations of this code, oldest first. */
export async function listMigrations(): Promise<MigrationList> {
  const baseDir = join(prismaDir, 'migrations');
  const entries = await readdir(baseDir, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  const migrationDirectories = await Promise.all(
    names.sort().map(async (path) => {
      const value = await readFile(join(baseDir, path, 'migration.sql'), 'utf8');
      return { path, migrationFile: { path: 'migration.sql', content: { tag: 'ok' as const, value } } };
    }),
  );
  const lockfile = await readFile(join(baseDir, 'migration_lock.toml'), 'utf8');
  return {
    baseDir,
    lockfile: { path: './migration_lock.toml', content: lockfile },
    shadowDbInitScript: '',
    migrationDirectories,
  };
}

/** As far as it is used here; the types of Node leave WebAssembly to the browser's. */
interface WasmCompiler {
  instantiate(bytes: Uint8Array, imports: object): Promise<{ instance: { exports: Record<string, unknown> } }>;
}

type EngineModule = typeof import('@prisma/schema-engine-wasm') & { __wbg_set_wasm(exports: unknown): void };
let engineModule: Promise<EngineModule> | undefined;

function loadEngine(): Promise<EngineModule> {
  engineModule ??= instantiateEngine();
  return engineModule;
}

async function instantiateEngine(): Promise<EngineModule> {
  const bindings = (await import(moduleName)) as EngineModule;
  const folder = dirname(createRequire(import.meta.url).resolve(moduleName));
  const bytes = await readFile(join(folder, 'schema_engine_bg.wasm'));
  const { WebAssembly: compiler } = globalThis as unknown as { WebAssembly: WasmCompiler };
  const { instance } = await compiler.instantiate(bytes, { './schema_engine_bg.js': withoutTimers(bindings) });
  bindings.__wbg_set_wasm(instance.exports);
  (instance.exports.__wbindgen_start as () => void)();
  return bindings;
}

/** The engine leaves timers of ten seconds behind, for which a process would wait before it ends. */
function withoutTimers(bindings: object): object {
  const entries = Object.entries(bindings).map(([name, binding]) => {
    if (!name.startsWith('__wbg_setTimeout_')) return [name, binding];
    return [name, (...args: unknown[]) => (binding as (...args: unknown[]) => NodeJS.Timeout)(...args).unref()];
  });
  return Object.fromEntries(entries);
}

const finishMigration = 'update _prisma_migrations set finished_at = now() where finished_at is null';

/**
 * Mends two things of the adapter. It cuts a script at every semicolon, even inside a function; here a script goes to
 * the server as a whole, which makes it one transaction, and the mark that it is done is part of it: after a crash a
 * migration without the mark has not happened. And it cannot read PostgreSQL's internal "char", which the engine needs
 * to look at a database.
 */
function mendedAdapter(pool: pg.Pool, failures: Error[]): PrismaPg {
  const charColumns = rememberCharColumns(pool);
  const factory = new PrismaPg(pool);
  const connect = factory.connect.bind(factory);
  factory.connect = async () => {
    const adapter = await connect();
    const queryRaw = adapter.queryRaw.bind(adapter);
    adapter.queryRaw = async (query) => {
      const result = await queryRaw(query);
      for (const column of charColumns.get(result.rows) ?? []) result.columnTypes[column] = ColumnTypeEnum.Character;
      return result;
    };
    adapter.executeScript = async (script) => {
      const isMigration = !script.includes('_prisma_migrations');
      await pool.query(isMigration ? `${script};\n${finishMigration}` : script).catch((error: Error) => {
        failures.push(error);
        throw error;
      });
    };
    return adapter;
  };
  return factory;
}

const charOid = 18;
const bpcharOid = 1042;

/** Has the pool call such columns something the adapter knows, and tells by the rows of a result which they were. */
function rememberCharColumns(pool: pg.Pool): WeakMap<object, number[]> {
  type Result = { fields?: { dataTypeID: number }[]; rows?: object };
  const charColumns = new WeakMap<object, number[]>();
  const query = pool.query.bind(pool) as (...args: unknown[]) => Promise<Result>;
  const remembering = async (...args: unknown[]): Promise<Result> => {
    const result = await query(...args);
    const { fields = [], rows = [] } = result;
    charColumns.set(
      rows,
      [...fields.keys()].filter((column) => fields[column]?.dataTypeID === charOid),
    );
    for (const field of fields) if (field.dataTypeID === charOid) field.dataTypeID = bpcharOid;
    return result;
  };
  pool.query = remembering as unknown as pg.Pool['query'];
  return charColumns;
}
