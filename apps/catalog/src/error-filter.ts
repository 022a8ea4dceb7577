import type { Logger } from '@entrepot/observability';
import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { EngineErrorFilter } from './docker-engine/error-filter.js';
import { isPlatformUrl } from './platform/platform-url.js';
import { ProblemFilter } from './platform/problem-filter.js';
import { RegistryErrorFilter } from './registry/registry-error-filter.js';
import { isRegistryUrl } from './registry/registry-url.js';

/** Gives every error to the filter of the API that was asked. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  readonly #engine: EngineErrorFilter;
  readonly #platform: ProblemFilter;
  readonly #registry: RegistryErrorFilter;

  constructor(logger: Logger) {
    this.#engine = new EngineErrorFilter(logger);
    this.#platform = new ProblemFilter(logger);
    this.#registry = new RegistryErrorFilter(logger);
  }

  catch(error: unknown, host: ArgumentsHost): void {
    const { url } = host.switchToHttp().getRequest<FastifyRequest>();
    const filter = isPlatformUrl(url) ? this.#platform : isRegistryUrl(url) ? this.#registry : this.#engine;
    filter.catch(error, host);
  }
}
