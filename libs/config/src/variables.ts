import { availableParallelism } from 'node:os';
import { z } from 'zod';
import * as values from './values.js';

/** Every variable that Entrepot reads, by part. An empty one counts as not set. */
export const variables = z.object({
  // Where clients come in.
  ENTREPOT_LISTEN: values.listenAddress.default({ host: '127.0.0.1', port: 2375 }),
  ENTREPOT_AUTH: values.word('auto', 'required').default('auto'),
  ENTREPOT_ADMIN_TOKEN: values.secret.optional(),
  ENTREPOT_TLS_CERT: z.string().optional(),
  ENTREPOT_TLS_KEY: z.string().optional(),
  ENTREPOT_TLS_CLIENT_CA: z.string().optional(),
  ENTREPOT_TLS_CLIENT_ROLE: values.word('reader', 'operator', 'admin').optional(),
  ENTREPOT_LOG_LEVEL: values.word('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent').default('info'),
  // Where everything is kept.
  ENTREPOT_DATA_DIR: z.string().default('.entrepot'),
  DATABASE_URL: values.url('postgres', 'postgresql').optional(),
  QUEUE_URL: values.url('redis', 'rediss', 'postgres', 'postgresql').optional(),
  BLOB_STORE_URL: values.url('file', 's3').optional(),
  ENTREPOT_BLOB_CAPACITY: values.byteSize.optional(),
  ENTREPOT_COLLECT_AFTER: values.duration.default(3_600_000),
  // What builds make is as old as this; many build systems set it (reproducible-builds.org).
  SOURCE_DATE_EPOCH: values.epoch.optional(),
  // Secrets.
  ENTREPOT_SECRET_KEY: values.key.optional(),
  ENTREPOT_INTERNAL_SECRET: values.secret.optional(),
  // Processes, and how they reach each other.
  // The other half is for the database and the other services.
  ENTREPOT_PULLERS: values.count(64).default(Math.min(Math.ceil(availableParallelism() / 2), 4)),
  ENTREPOT_ARCHIVERS: values.count(64).default(1),
  ENTREPOT_ARCHIVER_URLS: values.serverUrls.default([]),
  ENTREPOT_ARCHIVER_LISTEN: values.listenAddress.optional(),
  ENTREPOT_HEALTH_LISTEN: values.listenAddress.optional(),
  // What comes from elsewhere, and whose images are trusted.
  ENTREPOT_LOAD_PRIVATE: values.flag.default(false),
  ENTREPOT_REGISTRIES: z.string().optional(),
  ENTREPOT_TRUST_POLICY: z.string().optional(),
});

/** Read by the command line, by docker-compose.yml and by the tests. */
const readElsewhere = /^ENTREPOT_(URL|TOKEN|CA|CONFIG|PORT|TEST_.*)$/;

/** What is set under our prefix and read by nobody: probably a typo, so the nearest name is offered. */
export function warnings(names: readonly string[], referenced: ReadonlySet<string>): string[] {
  const known = Object.keys(variables.shape);
  return names
    .filter((name) => name.startsWith('ENTREPOT_') && !known.includes(name))
    .filter((name) => !readElsewhere.test(name) && !referenced.has(name))
    .toSorted()
    .map((name) => {
      const near = known.filter((candidate) => distance(name, candidate) <= 3);
      const nearest = near.toSorted((a, b) => distance(name, a) - distance(name, b))[0];
      return `${name} is not a setting of Entrepot${nearest === undefined ? '' : `; did you mean ${nearest}?`}`;
    });
}

/** Letters to add, drop or replace to get from one word to the other. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let line = 1; line <= from.length; line++) {
    const next = [line];
    for (let column = 1; column <= to.length; column++) {
      const replaced = (row[column - 1] ?? 0) + (from[line - 1] === to[column - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
