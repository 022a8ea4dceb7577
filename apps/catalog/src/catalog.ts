import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Access } from './access/access.js';
import { guardRequests } from './access/guard.js';
import { AppModule } from './app.module.js';
import { createTransport } from './docker-engine/transport.js';
import { ErrorFilter } from './error-filter.js';
import { nestLogger } from './nest-logger.js';
import type { CatalogParts } from './providers.js';
import { recordRequests } from './request-log.js';
import { recordScheduler } from './scheduler-metrics.js';

/** Builds the service on parts that somebody opened; the caller lets it listen and closes both. */
export async function createCatalog(parts: CatalogParts): Promise<NestFastifyApplication> {
  const transport = createTransport(parts.config.tls);
  const fastify = transport.getInstance();
  recordRequests(fastify, parts.logger, parts.metrics);
  recordScheduler(parts);
  guardRequests(fastify, new Access(parts.config, parts.database));
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.forParts(parts), transport, {
    bodyParser: false,
    abortOnError: false,
    logger: nestLogger(parts.logger),
  });
  app.useGlobalFilters(new ErrorFilter(parts.logger));
  return app;
}
