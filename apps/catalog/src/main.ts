import { openBlobStore } from '@entrepot/blob-store';
import { loadServiceConfig, type ServiceConfig } from '@entrepot/config';
import { createSecretBox, openUpstreams } from '@entrepot/content';
import { openDatabase } from '@entrepot/database';
import { openQueue } from '@entrepot/jobs';
import { createHealth, createLogger, createMetrics, type Logger } from '@entrepot/observability';
import { RegistryClient } from '@entrepot/registry-client';
import { currentCaller } from './access/caller.js';
import { createCatalog } from './catalog.js';
import type { CatalogParts } from './providers.js';

const shutdownMs = 5_000;

await run(loadServiceConfig());

async function run(config: ServiceConfig): Promise<void> {
  const logger = createLogger({ service: 'catalog', level: config.logLevel });
  for (const warning of config.warnings) logger.warn(warning);
  const parts = await openParts(config, logger);
  const app = await createCatalog(parts);
  await app.listen({ host: config.listen.host, port: config.listen.port });
  logger.info({ listen: config.listen }, 'catalog is ready');
  onStop(async () => {
    await app.close();
    await closeParts(parts);
  });
}

async function openParts(config: ServiceConfig, logger: Logger): Promise<CatalogParts> {
  const database = openDatabase(config.databaseUrl, { applicationName: 'entrepot catalog', caller: currentCaller });
  const queue = openQueue(config.queueUrl, {
    onError: (error, leftOut) => logger.warn({ err: error, leftOut }, 'queue trouble'),
  });
  const registryClient = new RegistryClient();
  const upstreams = await openUpstreams({
    ...{ database, secretBox: createSecretBox(config.secretKey), baseline: config.registries },
    onChange: (list) => registryClient.setUpstreams(list),
    onError: (error) => logger.warn({ err: error }, 'registries were not read'),
  });
  const health = createHealth();
  health.add('database', () => database.ping());
  health.add('queue', () => queue.ping());
  return {
    config,
    logger,
    database,
    queue,
    health,
    store: openBlobStore(config.blobStoreUrl),
    ...{ registryClient, upstreams },
    metrics: createMetrics('catalog'),
  };
}

async function closeParts({ queue, registryClient, upstreams, database }: CatalogParts): Promise<void> {
  upstreams.close();
  await Promise.allSettled([queue.close(), registryClient.close()]);
  await database.close();
}

/** Ends the process in an orderly way on SIGTERM or SIGINT, and in any case when the time is up. */
function onStop(close: () => Promise<void>): void {
  const stop = (): void => {
    setTimeout(() => process.exit(1), shutdownMs).unref();
    void close().then(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}
