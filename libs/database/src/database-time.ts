import { Prisma } from './generated/client.js';

/** A moment so many milliseconds after the database's now. The clocks of the services decide nothing. */
export function afterMs(ms: number): Prisma.Sql {
  return Prisma.sql`now() + make_interval(secs => ${ms / 1000}::float8)`;
}
