import pg from 'pg';
import { listMigrations, withSchemaEngine } from './schema-engine.js';

/** Any number; the same for every version of this code. */
const migrationLock = 7_266_370_015;

/**
 * Brings the database up to the migrations of this code, each in its own transaction. Idempotent, and safe to run in
 * several processes at once.
 *
 * @throws {DatabaseNewerError} the database has migrations this code does not know
 * @throws {MigrationError} a statement failed; nothing of that migration was done
 */
export async function migrate(url: string): Promise<void> {
  const migrationsList = await listMigrations();
  const known = migrationsList.migrationDirectories.map(({ path }) => path);
  await withClient(url, async (client) => {
    await client.query('select pg_advisory_lock($1)', [migrationLock]);
    const applied = await listApplied(client);
    const unknown = applied.find((name) => !known.includes(name));
    if (unknown !== undefined) throw new DatabaseNewerError(unknown);
    if (known.every((name) => applied.includes(name))) return;
    await forgetUnfinished(client);
    const filters = { externalTables: [], externalEnums: [] };
    await withSchemaEngine(url, (engine) => engine.applyMigrations({ migrationsList, filters })).catch(rethrow);
  });
}

/** Which migrations of this code the database lacks. */
export async function listPending(url: string): Promise<string[]> {
  const { migrationDirectories } = await listMigrations();
  const applied = await withClient(url, listApplied);
  return migrationDirectories.map(({ path }) => path).filter((name) => !applied.includes(name));
}

async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

/** Asked without the engine, whose start takes longer than everything else here. */
async function listApplied(client: pg.Client): Promise<string[]> {
  if (!(await hasHistory(client))) return [];
  const { rows } = await client.query<{ name: string }>(
    'select migration_name as name from _prisma_migrations where finished_at is not null and rolled_back_at is null',
  );
  return rows.map(({ name }) => name);
}

/** What a crash cut off was undone with its transaction; the engine would refuse to go on. */
async function forgetUnfinished(client: pg.Client): Promise<void> {
  if (await hasHistory(client)) await client.query('delete from _prisma_migrations where finished_at is null');
}

async function hasHistory(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ found: boolean }>(
    `select to_regclass('_prisma_migrations') is not null as found`,
  );
  return rows[0]?.found === true;
}

function rethrow(error: unknown): never {
  const [line = ''] = String(error instanceof Error ? error.message : error).split('\n');
  throw new MigrationError(`the migration of the database failed: ${line}`, { cause: error });
}

/** A newer Entrepot has used this database. Going back needs a backup made by the older one. */
export class DatabaseNewerError extends Error {
  override readonly name = 'DatabaseNewerError';
  readonly code = 'DATABASE_NEWER';
  readonly retryable = false;

  constructor(readonly migration: string) {
    super(`the database was made by a newer version: it has migration ${migration}, which this version does not know`);
  }
}

/** A migration failed. Nothing of it was done. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
  readonly code = 'MIGRATION_FAILED';
  readonly retryable = false;
}
