import type { Logger } from '@entrepot/observability';
import { problemType } from '@entrepot/platform-api';
import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { toProblem } from './problem-answers.js';

/** The one place where an error becomes an answer of the platform API. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(private readonly logger: Logger) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    // A client that has gone needs no answer, and what broke because it went is no fault.
    if (request.raw.destroyed && reply.raw.destroyed) return;
    if (toProblem(error).isFault) {
      this.logger.error({ err: error, method: request.method, url: request.url.split('?')[0] }, 'request failed');
    }
    if (reply.sent || reply.raw.headersSent) {
      // Too late for a status: a cut connection is the only thing a client cannot take for success.
      reply.raw.destroy();
      return;
    }
    sendProblem(error, reply);
  }
}

/** Answers with the problem document of an error. */
export function sendProblem(error: unknown, reply: FastifyReply): void {
  const { problem, headers } = toProblem(error);
  const body = `${JSON.stringify(problem)}\n`;
  void reply.code(problem.status).headers(headers).header('content-type', problemType).serializer(String).send(body);
}
