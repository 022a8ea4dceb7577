import type { Logger, Metrics } from '@entrepot/observability';
import type { FastifyInstance, FastifyRequest } from 'fastify';

/** Counts and times every request, and logs it at `debug`: method and path only, for a query may hold more. */
export function recordRequests(fastify: FastifyInstance, logger: Logger, metrics: Metrics): void {
  const duration = metrics.histogram({
    name: 'http_request_seconds',
    help: 'Time from a request to the end of its answer.',
    labels: ['method', 'route', 'status'],
    buckets: [0.005, 0.02, 0.05, 0.1, 0.5, 2, 10, 60, 600],
  });
  fastify.addHook('onResponse', async (request, reply) => {
    const labels = { method: request.method, route: routeOf(request), status: String(reply.statusCode) };
    duration.observe(labels, reply.elapsedTime / 1000);
    const line = { method: request.method, path: request.url.split('?')[0], status: reply.statusCode };
    logger.debug({ ...line, durationMs: Math.round(reply.elapsedTime) }, 'request');
  });
}

function routeOf(request: FastifyRequest): string {
  return request.is404 ? 'none' : (request.routeOptions.url ?? 'none');
}
