import type { BlobStore } from '@entrepot/blob-store';
import type { ServiceConfig } from '@entrepot/config';
import type { Upstreams } from '@entrepot/content';
import type { Database } from '@entrepot/database';
import type { JobQueue } from '@entrepot/jobs';
import type { Health, Logger, Metrics } from '@entrepot/observability';
import type { RegistryClient } from '@entrepot/registry-client';
import type { Provider } from '@nestjs/common';

/** Tokens of what `main.ts` opens and the classes of this app ask for by `@Inject`. */
export const CONFIG = Symbol('config');
export const LOGGER = Symbol('logger');
export const DATABASE = Symbol('database');
export const BLOB_STORE = Symbol('blob store');
export const JOB_QUEUE = Symbol('job queue');
export const REGISTRY_CLIENT = Symbol('registry client');
export const UPSTREAMS = Symbol('upstreams');
export const METRICS = Symbol('metrics');
export const HEALTH = Symbol('health');

/** Everything from outside that this service works with. Whoever opened it closes it. */
export interface CatalogParts {
  config: ServiceConfig;
  logger: Logger;
  database: Database;
  store: BlobStore;
  queue: JobQueue;
  registryClient: RegistryClient;
  /** The client is told of every change by whoever opened both. */
  upstreams: Upstreams;
  metrics: Metrics;
  health: Health;
}

/** The parts under their tokens. */
export function providersOf(parts: CatalogParts): Provider[] {
  return [
    { provide: CONFIG, useValue: parts.config },
    { provide: LOGGER, useValue: parts.logger },
    { provide: DATABASE, useValue: parts.database },
    { provide: BLOB_STORE, useValue: parts.store },
    { provide: JOB_QUEUE, useValue: parts.queue },
    { provide: REGISTRY_CLIENT, useValue: parts.registryClient },
    { provide: UPSTREAMS, useValue: parts.upstreams },
    { provide: METRICS, useValue: parts.metrics },
    { provide: HEALTH, useValue: parts.health },
  ];
}
