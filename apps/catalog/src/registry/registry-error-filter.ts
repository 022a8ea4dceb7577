import type { Logger } from '@entrepot/observability';
import type { ArgumentsHost, ExceptionFilter } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { AccessDeniedError } from '../access/access-denied-error.js';
import { EngineErrorFilter } from '../docker-engine/error-filter.js';

/** Errors for daemons that take us for a registry: only at this challenge do they show what `docker login` has kept. */
export class RegistryErrorFilter implements ExceptionFilter {
  readonly #others: EngineErrorFilter;

  constructor(logger: Logger) {
    this.#others = new EngineErrorFilter(logger);
  }

  catch(error: unknown, host: ArgumentsHost): void {
    if (!(error instanceof AccessDeniedError)) {
      this.#others.catch(error, host);
      return;
    }
    void host
      .switchToHttp()
      .getResponse<FastifyReply>()
      .code(401)
      .headers({
        'content-type': 'application/json',
        'www-authenticate': 'Basic realm="entrepot"',
        'docker-distribution-api-version': 'registry/2.0',
      })
      .send({ errors: [{ code: 'UNAUTHORIZED', message: error.message }] });
  }
}
