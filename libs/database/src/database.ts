import { PrismaPg } from '@prisma/adapter-pg';
import type { ClientBase } from 'pg';
import { PrismaClient } from './generated/client.js';
import { openSignals, type Signals } from './signals.js';
import { statementNames } from './statement-name.js';
import { runTransaction, type Tx } from './transaction.js';

/** One pool and one LISTEN connection of this process. */
export interface Database {
  readonly prisma: PrismaClient;
  readonly signals: Signals;
  /**
   * Runs `fn` in a read-committed transaction. A deadlock or a serialization conflict runs `fn` again from the
   * start, so `fn` does nothing outside the database.
   */
  transaction<T>(fn: (tx: Tx) => Promise<T>): Promise<T>;
  /** The same database; events and pulls that its transactions write are in this name. */
  as(caller: string | null): Database;
  /** Resolves when the database answers. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  /** Size of the pool, 8 when not given. */
  maxConnections?: number;
  /** Shown in pg_stat_activity. */
  applicationName?: string;
  /** In whose name a transaction works that begins now; null for that of nobody. */
  caller?(): string | null;
}

/** Opens the pool; connections are made when they are needed first. The caller closes it. */
export function openDatabase(url: string, options: DatabaseOptions = {}): Database {
  const applicationName = options.applicationName ?? 'entrepot';
  const prisma = new PrismaClient({ adapter: openAdapter(url, applicationName, options.maxConnections ?? 8) });
  const signals = openSignals(url, applicationName);
  const inNameOf = (caller: () => string | null): Database => ({
    prisma,
    signals,
    transaction: (fn) => runTransaction(prisma, (tx) => callAs(tx, caller(), fn)),
    as: (name) => inNameOf(() => name),
    ping: async () => {
      await prisma.$queryRaw`select 1`;
    },
    close: async () => {
      await signals.close();
      await prisma.$disconnect();
    },
  });
  return inNameOf(options.caller ?? (() => null));
}

async function callAs<T>(tx: Tx, caller: string | null, fn: (tx: Tx) => Promise<T>): Promise<T> {
  if (caller !== null) await tx.$executeRaw`select set_config('entrepot.caller', ${caller}, true)`;
  return await fn(tx);
}

function openAdapter(url: string, applicationName: string, max: number): PrismaPg {
  return new PrismaPg(
    {
      connectionString: url,
      max,
      application_name: applicationName,
      connectionTimeoutMillis: 10_000,
      idleTimeoutMillis: 60_000,
      onConnect: readCommitted,
    },
    { onPoolError: ignoreIdleError, onConnectionError: ignoreIdleError, statementNameGenerator: statementNames() },
  );
}

/** What a server or role was told otherwise does not matter here; said once, not in each transaction. */
async function readCommitted(client: ClientBase): Promise<void> {
  await client.query("set default_transaction_isolation to 'read committed'");
}

/** A connection that breaks while idle leaves the pool by itself; the next query gets a new one. */
function ignoreIdleError(): void {}
