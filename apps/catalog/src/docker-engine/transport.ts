import type { IncomingMessage } from 'node:http';
import type { TlsConfig } from '@entrepot/config';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { isPlatformUrl } from '../platform/platform-url.js';
import { sendProblem } from '../platform/problem-filter.js';
import { serverVersion } from '../version.js';
import { checkVersion, newestApiVersion, splitVersion } from './api-version.js';
import { routeUrl } from './route-url.js';

/**
 * The HTTP server as Docker clients need it: versioned and greedy paths, bodies left on the request as streams, the
 * headers of every answer, JSON under exactly `application/json`, HEAD only where it is declared.
 */
export function createTransport(tls?: TlsConfig): FastifyAdapter {
  const adapter = new FastifyAdapter({
    routerOptions: { maxParamLength: 4096 },
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    rewriteUrl: (request: IncomingMessage) => routeUrl(request.method ?? 'GET', request.url ?? '/'),
    frameworkErrors: refuseMalformed,
    ...(tls === undefined ? {} : { https: serverOptions(tls) }),
  });
  const fastify = adapter.getInstance();
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('*', (_request, _payload, done) => done(null));
  fastify.addHook('onRequest', openAnswer);
  fastify.addHook('onSend', finishJson);
  return adapter;
}

/** Who shows no certificate may still show a token, so a connection without one is let in and judged by request. */
function serverOptions({ cert, key, clientCa }: TlsConfig): object {
  const clients = clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: false };
  return { cert, key, minVersion: 'TLSv1.2', ...clients };
}

/** What the router cannot read never comes to the error filter. */
function refuseMalformed(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  if (isPlatformUrl(request.url)) {
    sendProblem(error, reply);
    return;
  }
  const body = `${JSON.stringify({ message: error.message })}\n`;
  void reply
    .code(error.statusCode ?? 400)
    .header('content-type', 'application/json')
    .serializer(String)
    .send(body);
}

/** An unknown route gets none of the usual headers, as with dockerd; OPTIONS is always welcome. */
async function openAnswer(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  if (isPlatformUrl(request.url)) return;
  if (request.is404 && request.method !== 'OPTIONS') return;
  void reply.headers({
    'api-version': newestApiVersion,
    'docker-experimental': 'false',
    ostype: 'linux',
    server: `Entrepot/${serverVersion} (linux)`,
  });
  checkVersion(splitVersion(request.originalUrl).version);
  if (request.method === 'OPTIONS') return reply.code(200).send();
}

/** Docker's CLI parses an error only when its type is exactly `application/json`; Fastify always adds a charset. */
async function finishJson(_request: FastifyRequest, reply: FastifyReply, payload: unknown): Promise<unknown> {
  const type = reply.getHeader('content-type');
  if (typeof type !== 'string' || !type.startsWith('application/json')) return payload;
  void reply.header('content-type', 'application/json');
  return typeof payload === 'string' ? `${payload}\n` : payload;
}
