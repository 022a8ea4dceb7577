import type { Prisma, PrismaClient } from './generated/client.js';

/** Where a query runs: inside a transaction, or outside (`database.prisma` is one too). */
export type Tx = Prisma.TransactionClient;

const maxTries = 6;
const retried = new Set(['40001', '40P01', 'P2034']);

/**
 * One transaction, read committed as every connection is, run again after a deadlock or a serialization conflict, with jitter.
 */
export async function runTransaction<T>(prisma: PrismaClient, fn: (tx: Tx) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await prisma.$transaction(fn, { maxWait: 20_000, timeout: 60_000 });
    } catch (error) {
      if (attempt === maxTries || !retried.has(sqlState(error))) throw error;
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 20 * 2 ** attempt));
    }
  }
}

/** The SQLSTATE (or Prisma's own code) of a failed query, '' when it has none. */
export function sqlState(error: unknown): string {
  if (!(error instanceof Error)) return '';
  const { code, meta, cause } = error as Error & { code?: unknown; meta?: Record<string, unknown> };
  if (code === 'P2010' || code === undefined) return nestedState(meta?.driverAdapterError ?? cause);
  return String(code);
}

function nestedState(adapterError: unknown): string {
  const cause = (adapterError as { cause?: { originalCode?: unknown; code?: unknown } } | undefined)?.cause;
  return String(cause?.originalCode ?? cause?.code ?? '');
}
