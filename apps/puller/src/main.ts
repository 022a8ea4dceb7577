import { randomUUID } from 'node:crypto';
import { type BlobStoreSpace, openBlobStore } from '@entrepot/blob-store';
import { loadServiceConfig, type ServiceConfig } from '@entrepot/config';
import { AnalysisWishes, type ContentContext, createSecretBox, freeBelow } from '@entrepot/content';
import { openDatabase } from '@entrepot/database';
import { analysesOn, openQueue } from '@entrepot/jobs';
import { createHealth, createLogger, createMetrics, type Logger, type Metrics } from '@entrepot/observability';
import { TrustPolicy } from '@entrepot/trust';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from './app.module.js';
import { Courtesy } from './courtesy.js';
import { OwnFetches } from './fetch-missing.js';
import { openRegistry } from './open-registry.js';
import type { PullerParts } from './parts.js';
import { observeTransfers } from './transfer-metrics.js';
import { TransferSlots } from './transfer-slots.js';
import { startWork, tinyTransferSlots, transferSlots } from './work.js';

const shutdownMs = 5_000;

await run(loadServiceConfig());

async function run(config: ServiceConfig): Promise<void> {
  const logger = createLogger({ service: 'puller', level: config.logLevel });
  for (const warning of config.warnings) logger.warn(warning);
  const metrics = createMetrics('puller');
  const parts = await openParts(config, logger, metrics);
  const app = await serveHealth(config, parts, metrics);
  const work = startWork(parts);
  await parts.queue.waitReady();
  logger.info('puller is ready');
  onStop(async () => {
    await work.stop();
    await app.close();
    await closeParts(parts);
  });
}

type OpenedParts = PullerParts & Pick<Awaited<ReturnType<typeof openRegistry>>, 'closeRegistry'>;

async function openParts(config: ServiceConfig, logger: Logger, metrics: Metrics): Promise<OpenedParts> {
  const database = openDatabase(config.databaseUrl, { applicationName: 'entrepot puller' });
  const secretBox = createSecretBox(config.secretKey);
  const registries = await openRegistry({ database, secretBox, logger, baseline: config.registries });
  const store = openBlobStore(config.blobStoreUrl);
  const content = { database, store };
  const observer = observeTransfers(metrics);
  const queue = openQueue(config.queueUrl, {
    onError: (error, leftOut) => logger.warn({ err: error, leftOut }, 'queue trouble'),
  });
  return {
    content,
    courtesy: new Courtesy(content),
    slots: new TransferSlots(transferSlots, observer),
    tinySlots: new TransferSlots(tinyTransferSlots, observer),
    ownFetches: new OwnFetches((error) => logger.warn({ err: error }, 'a blob got no job')),
    trust: new TrustPolicy(config.trustPolicy),
    freeBytes: () => findFreeBytes(content, store, config.blobCapacityBytes),
    ...{ secretBox, ...registries },
    queue,
    analysis: new AnalysisWishes({
      database,
      enqueue: analysesOn(queue),
      onError: (error) => logger.warn({ err: error }, 'layers got no job'),
    }),
    logger,
    owner: `puller:${randomUUID()}`,
  };
}

/** The filesystem's word, or what somebody has set, whichever is less. */
async function findFreeBytes(
  content: ContentContext,
  store: BlobStoreSpace,
  capacityBytes?: number,
): Promise<number | null> {
  const free = await store.freeBytes();
  if (capacityBytes === undefined) return free;
  return Math.min(free ?? Number.POSITIVE_INFINITY, await freeBelow(content, capacityBytes));
}

/** Where no address is named for it, nothing is served. */
async function serveHealth(
  config: ServiceConfig,
  parts: PullerParts,
  metrics: Metrics,
): Promise<NestFastifyApplication> {
  const health = createHealth();
  health.add('database', () => parts.content.database.ping());
  health.add('queue', () => parts.queue.ping());
  const module = AppModule.forParts({ health, metrics });
  const app = await NestFactory.create<NestFastifyApplication>(module, new FastifyAdapter(), { logger: false });
  if (config.healthListen) await app.listen(config.healthListen.port, config.healthListen.host);
  else await app.init();
  return app;
}

async function closeParts({ content, queue, closeRegistry }: OpenedParts): Promise<void> {
  await Promise.allSettled([queue.close(), closeRegistry()]);
  await content.database.close();
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
