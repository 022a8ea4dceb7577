import { setTimeout as sleep } from 'node:timers/promises';
import type { Database, Tx } from '@entrepot/database';

/** A database whose next transaction stops at a point, with all its locks, until it is let go. */
export interface PausedDatabase {
  database: Database;
  /** Resolves when the transaction stands at the point. */
  reached: Promise<void>;
  resume(): void;
}

/**
 * Stops before the commit, or before the first statement whose text matches; later transactions and statements run
 * through. For scripted interleavings.
 */
export function pauseBefore(database: Database, point: 'commit' | RegExp): PausedDatabase {
  let reach = (): void => {};
  let miss = (_error: unknown): void => {};
  let resume = (): void => {};
  const reached = new Promise<void>((resolve, reject) => {
    reach = resolve;
    miss = reject;
  });
  // Whoever waits for the point learns of it; whoever does not has the transaction's own failure.
  reached.catch(() => {});
  const resumed = new Promise<void>((resolve) => {
    resume = resolve;
  });
  const stop = async (): Promise<void> => {
    reach();
    await resumed;
  };
  const run = async <T>(fn: (tx: Tx) => Promise<T>, tx: Tx): Promise<T> => {
    if (point !== 'commit') return await fn(stoppingAt(tx, point, stop));
    const result = await fn(tx);
    await stop();
    return result;
  };
  const transaction: Database['transaction'] = async (fn) => {
    try {
      return await database.transaction((tx) => run(fn, tx));
    } catch (error) {
      miss(error);
      throw error;
    }
  };
  const paused: Database = { ...database, transaction, as: () => paused };
  return { database: paused, reached, resume };
}

function stoppingAt(tx: Tx, point: RegExp, stop: () => Promise<void>): Tx {
  return new Proxy(tx, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (name !== '$queryRaw' && name !== '$executeRaw') return value;
      return async (text: TemplateStringsArray, ...values: unknown[]) => {
        if (point.test(text.join('?'))) await stop();
        return await (value as typeof tx.$queryRaw).call(target, text, ...values);
      };
    },
  });
}

/** Resolves when so many sessions of this database wait for a lock. */
export async function waitForBlocked(database: Database, sessions = 1): Promise<void> {
  for (let waited = 0; waited < 20_000; waited += 10) {
    const [row] = await database.prisma.$queryRaw<{ blocked: number }[]>`
      select count(*)::int as blocked from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock'`;
    if ((row?.blocked ?? 0) >= sessions) return;
    await sleep(10);
  }
  throw new Error(`fewer than ${sessions} sessions wait for a lock`);
}
