import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBlobStore } from '@entrepot/blob-store';
import { loadServiceConfig } from '@entrepot/config';
import { createSecretBox, openUpstreams, type UpstreamEntry } from '@entrepot/content';
import { type Database, openDatabase } from '@entrepot/database';
import type { JobQueue } from '@entrepot/jobs';
import { createHealth, createLogger, createMetrics } from '@entrepot/observability';
import { RegistryClient } from '@entrepot/registry-client';
import { currentCaller } from './access/caller.js';
import { createCatalog } from './catalog.js';

/** Takes jobs and never works them. */
const idleQueue = {
  enqueue: async () => {},
  enqueueMany: async () => {},
  queueCounts: async () => ({ 'plan-batch': { waiting: 3, active: 0, delayed: 0, failed: 0 } }),
} as unknown as JobQueue;

/** A catalog for tests: a real database, an empty folder for blobs, and a queue that nobody works. */
export interface CatalogFixture {
  /** `http://127.0.0.1:…` */
  url: string;
  database: Database;
  close(): Promise<void>;
}

/** Tests talk to this machine only. */
const noDockerHub: UpstreamEntry = { host: 'docker.io', endpoint: 'http://127.0.0.1:1' };

/** Starts a catalog on a migrated database; the caller closes it and drops the database. */
export async function startCatalog(
  databaseUrl: string,
  env: Record<string, string> = {},
  baseline: readonly UpstreamEntry[] = [noDockerHub],
): Promise<CatalogFixture> {
  const folder = await mkdtemp(join(tmpdir(), 'entrepot-catalog-'));
  const blobStoreUrl = `file://${folder}`;
  const config = loadServiceConfig({
    ...{ DATABASE_URL: databaseUrl, QUEUE_URL: databaseUrl, BLOB_STORE_URL: blobStoreUrl },
    ENTREPOT_SECRET_KEY: Buffer.alloc(32, 7).toString('base64'),
    ...env,
  });
  const database = openDatabase(databaseUrl, { caller: currentCaller });
  const registryClient = new RegistryClient();
  const upstreams = await openUpstreams({
    ...{ database, secretBox: createSecretBox(config.secretKey), baseline },
    onChange: (list) => registryClient.setUpstreams(list),
    onError: () => {},
  });
  const health = createHealth();
  health.add('database', () => database.ping());
  const app = await createCatalog({
    ...{ config, database, health, queue: idleQueue, store: openBlobStore(blobStoreUrl) },
    logger: createLogger({ service: 'catalog', level: 'silent' }),
    ...{ registryClient, upstreams },
    metrics: createMetrics('catalog'),
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const close = async (): Promise<void> => {
    await app.close();
    upstreams.close();
    await registryClient.close();
    await database.close();
    await rm(folder, { recursive: true, force: true });
  };
  return { url: await app.getUrl(), database, close };
}
