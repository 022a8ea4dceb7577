import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Config, childEnvironment, isLoopback } from '@entrepot/config';
import type { ServiceSpec } from './child-process.js';

/** Where the parts of one stack find each other. */
export interface StackAddresses {
  databaseUrl: string;
  queueUrl: string;
  blobStoreUrl: string;
  secretKey: string;
  /** One loopback port for each archiver. */
  archiverPorts: readonly number[];
}

/**
 * The first pull of a process runs each function once or twice; compiled at once they take a third less. Bytes on their
 * way are objects of which few stay: a small nursery, and in an archiver, which has trees beside them, a heap that grows
 * by a third at once.
 */
const flags: Readonly<Record<string, readonly string[]>> = {
  catalog: ['--always-sparkplug'],
  puller: ['--always-sparkplug', '--max-semi-space-size=8'],
  archiver: ['--max-semi-space-size=4', '--heap-growing-percent=30'],
};

/** The processes of the embedded stack. The services do not know that they run in one. */
export function listServices(config: Config, addresses: StackAddresses): ServiceSpec[] {
  const archiverUrls = addresses.archiverPorts.map((port) => `http://127.0.0.1:${port}`);
  const shared = {
    DATABASE_URL: addresses.databaseUrl,
    QUEUE_URL: addresses.queueUrl,
    BLOB_STORE_URL: addresses.blobStoreUrl,
    ENTREPOT_SECRET_KEY: addresses.secretKey,
    ENTREPOT_LOG_LEVEL: config.logLevel,
    // Who talks to us from this machine alone could read what is on it anyway.
    ...(isLoopback(config.listen.host) && { ENTREPOT_LOAD_PRIVATE: '1' }),
    ENTREPOT_ARCHIVER_URLS: archiverUrls.join(','),
    // glibc keeps what each of many threads has freed for that thread alone, and what is freed in general: the larger
    // a buffer that was freed, the larger are those that it keeps from then on, unless it is told a size.
    MALLOC_ARENA_MAX: '2',
    MALLOC_MMAP_THRESHOLD_: '131072',
    MALLOC_TRIM_THRESHOLD_: '131072',
    // One health address cannot serve several processes.
    ENTREPOT_HEALTH_LISTEN: undefined,
  };
  const service = (app: string, number: number, variables: Record<string, string> = {}): ServiceSpec => ({
    name: `${app} ${number}`,
    flags: flags[app] ?? [],
    script: mainOf(app),
    environment: childEnvironment({ ...shared, ...variables }),
  });
  return [
    service('catalog', 1),
    ...numbers(config.pullers).map((n) => service('puller', n)),
    ...addresses.archiverPorts.map((port, i) =>
      service('archiver', i + 1, { ENTREPOT_ARCHIVER_LISTEN: `127.0.0.1:${port}` }),
    ),
  ];
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

function mainOf(app: string): string {
  return join(fileURLToPath(new URL('../..', import.meta.url)), app, 'dist', 'main.js');
}
