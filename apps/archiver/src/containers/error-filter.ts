import type { Logger } from '@entrepot/observability';
import { isCodedError } from '@entrepot/oci';
import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Inject } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LOAD_PARTS } from '../providers.js';
import { ContainerPathError } from './errors.js';

const statusByCode: Readonly<Record<string, number>> = {
  CONTAINER_NOT_FOUND: 404,
  INVALID_REFERENCE: 400,
  INVALID_PLATFORM: 400,
  UNSAFE_PATH: 400,
  LAYER_TOO_LARGE: 400,
  SYMLINK_LOOP: 400,
  UNSUPPORTED_COMPRESSION: 400,
  BLOB_STORE_UNAVAILABLE: 503,
  QUEUE_UNAVAILABLE: 503,
};

/** Answers as dockerd would; catalog passes it on as it is. */
@Catch()
export class ContainerErrorFilter implements ExceptionFilter {
  constructor(@Inject(LOAD_PARTS) private readonly parts: { logger: Logger }) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const { status, message } = this.#answer(error);
    // What is left of the body is read, so that the client comes to read the answer.
    request.raw.resume();
    if (reply.sent || reply.raw.headersSent) return void reply.raw.destroy();
    void reply
      .code(status)
      .header('content-type', 'application/json')
      .send(`${JSON.stringify({ message })}\n`);
  }

  #answer(error: unknown): { status: number; message: string } {
    if (error instanceof ContainerPathError) return error;
    if (error instanceof HttpException) return { status: error.getStatus(), message: error.message };
    if (isCodedError(error)) {
      const status = statusByCode[error.code] ?? 500;
      if (status >= 500) this.parts.logger.error({ err: error }, 'a container request failed');
      return { status, message: error.message };
    }
    this.parts.logger.error({ err: error }, 'a container request failed');
    return { status: 500, message: 'internal error, see the log of the archiver service' };
  }
}
