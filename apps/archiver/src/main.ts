import { openBlobStore } from '@entrepot/blob-store';
import { loadServiceConfig, type ServiceConfig } from '@entrepot/config';
import { AnalysisWishes } from '@entrepot/content';
import { openDatabase } from '@entrepot/database';
import { analysesOn, openQueue } from '@entrepot/jobs';
import { createHealth, createLogger, createMetrics, type Logger } from '@entrepot/observability';
import { createArchiver } from './archiver.js';
import { currentCaller } from './caller.js';
import { openLayerThread } from './layer-thread.js';
import type { ArchiverParts } from './providers.js';
import { startWork } from './work.js';

const shutdownMs = 5_000;

await run(loadServiceConfig());

async function run(config: ServiceConfig): Promise<void> {
  const logger = createLogger({ service: 'archiver', level: config.logLevel });
  for (const warning of config.warnings) logger.warn(warning);
  const parts = openParts(config, logger);
  const app = await createArchiver(parts);
  const listen = config.archiverListen ?? config.healthListen;
  if (listen) await app.listen(listen.port, listen.host);
  else await app.init();
  const work = startWork(parts);
  logger.info({ listen }, 'archiver is ready');
  onStop(async () => {
    await Promise.all([work.stop(), app.close()]);
    await closeParts(parts);
  });
}

function openParts(config: ServiceConfig, logger: Logger): ArchiverParts {
  const database = openDatabase(config.databaseUrl, { applicationName: 'entrepot archiver', caller: currentCaller });
  const queue = openQueue(config.queueUrl, {
    onError: (error, leftOut) => logger.warn({ err: error, leftOut }, 'queue trouble'),
  });
  const health = createHealth();
  health.add('database', () => database.ping());
  health.add('queue', () => queue.ping());
  return {
    content: { database, store: openBlobStore(config.blobStoreUrl) },
    queue,
    analysis: new AnalysisWishes({
      database,
      enqueue: analysesOn(queue),
      onError: (error) => logger.warn({ err: error }, 'layers got no job'),
    }),
    layers: openLayerThread(config.blobStoreUrl),
    urgentLayers: openLayerThread(config.blobStoreUrl),
    logger,
    health,
    metrics: createMetrics('archiver'),
    internalSecret: config.internalSecret,
    secretKey: config.secretKey,
    sourceEpoch: config.sourceEpoch ?? null,
    collectAfterMs: config.collectAfterMs,
    reach: config.loadPrivate ? 'loopback' : 'public',
  };
}

async function closeParts({ content, queue, analysis, layers, urgentLayers }: ArchiverParts): Promise<void> {
  await analysis.stop();
  await Promise.allSettled([queue.close(), layers.close(), urgentLayers.close()]);
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
