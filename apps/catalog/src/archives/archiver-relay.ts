import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { ServiceConfig } from '@entrepot/config';
import type { Logger } from '@entrepot/observability';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Agent, type Dispatcher } from 'undici';
import { EngineError } from '../docker-engine/engine-error.js';
import { CONFIG, LOGGER } from '../providers.js';

const notConnected = new Set(['ECONNREFUSED', 'ECONNRESET', 'EHOSTUNREACH', 'ENOTFOUND', 'UND_ERR_CONNECT_TIMEOUT']);

/** A request of a client that an archiver is to answer. */
export interface RelayedRequest {
  method: 'GET' | 'HEAD' | 'PUT' | 'POST';
  /** Below `/internal`, with its query. */
  path: string;
  /** The client's request, when its body goes along. */
  upload?: IncomingMessage;
  signal: AbortSignal;
}

/** Passes requests about tars on to an archiver, bodies as they come. */
@Injectable()
export class ArchiverRelay implements OnApplicationShutdown {
  readonly #agent = new Agent({ connect: { timeout: 5_000 }, headersTimeout: 0, bodyTimeout: 0 });
  #next = 0;

  constructor(
    @Inject(CONFIG) private readonly config: ServiceConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * The answer of an archiver, whatever its status. One that does not take the connection has read nothing, so another
   * one is asked.
   *
   * @throws {EngineError} none takes it
   */
  async send({ method, path, upload, signal }: RelayedRequest): Promise<Dispatcher.ResponseData> {
    const urls = this.#inTurn();
    for (const [index, url] of urls.entries()) {
      try {
        return await this.#agent.request({
          origin: url,
          path: `/internal${path}`,
          method,
          headers: {
            authorization: `Bearer ${this.config.internalSecret}`,
            ...(upload ? { 'content-type': 'application/x-tar' } : {}),
          },
          // Read through an iterator, so that an answer before the end of the body does not cut the client's connection.
          body: upload ? Readable.from(upload.iterator({ destroyOnReturn: false })) : null,
          signal,
        });
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        this.logger.warn({ err: error, url }, 'an archiver did not take a request');
        if (!notConnected.has(code ?? '') || upload?.readableDidRead || index === urls.length - 1) break;
      }
    }
    throw new EngineError(503, 'no archiver can take the request at the moment');
  }

  onApplicationShutdown(): Promise<void> {
    return this.#agent.destroy();
  }

  #inTurn(): readonly string[] {
    const { archiverUrls } = this.config;
    const first = this.#next++ % Math.max(archiverUrls.length, 1);
    return [...archiverUrls.slice(first), ...archiverUrls.slice(0, first)];
  }
}
