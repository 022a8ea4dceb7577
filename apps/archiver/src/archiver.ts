import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from './app.module.js';
import { nameCallers } from './caller.js';
import type { ArchiverParts } from './providers.js';

/** Builds the HTTP side on parts that somebody opened; the caller lets it listen and closes both. Bodies stay streams. */
export async function createArchiver(parts: ArchiverParts): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter({ forceCloseConnections: true });
  const fastify = adapter.getInstance();
  nameCallers(fastify);
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('*', (_request, _payload, done) => done(null));
  return NestFactory.create<NestFastifyApplication>(AppModule.forParts(parts), adapter, {
    bodyParser: false,
    abortOnError: false,
    logger: false,
  });
}
