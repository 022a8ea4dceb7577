import type { Logger } from '@entrepot/observability';
import { type ArgumentsHost, Catch, type ExceptionFilter, Inject } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LOGGER } from '../providers.js';
import { answerTo } from './error-answers.js';

/** The one place where an error becomes an answer to a Docker client. */
@Catch()
export class EngineErrorFilter implements ExceptionFilter {
  constructor(@Inject(LOGGER) private readonly logger: Logger) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    // A client that has gone needs no answer, and what broke because it went is no fault.
    if (request.raw.destroyed && reply.raw.destroyed) return;
    const { status, message, isFault } = answerTo(error);
    if (isFault)
      this.logger.error({ err: error, method: request.method, url: request.url.split('?')[0] }, 'request failed');
    if (reply.sent || reply.raw.headersSent) {
      // Too late for a status: a cut connection is the only thing a client cannot take for success.
      reply.raw.destroy();
      return;
    }
    void reply.code(status).header('content-type', 'application/json').send({ message });
  }
}
