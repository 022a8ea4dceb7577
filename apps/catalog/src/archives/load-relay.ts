import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { ServiceConfig } from '@entrepot/config';
import type { Logger } from '@entrepot/observability';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Agent, type Dispatcher } from 'undici';
import { EngineError } from '../docker-engine/engine-error.js';
import { CONFIG, LOGGER } from '../providers.js';
import { errorMessage } from '../pulls/pull-messages.js';

const notConnected = new Set(['ECONNREFUSED', 'ECONNRESET', 'EHOSTUNREACH', 'ENOTFOUND', 'UND_ERR_CONNECT_TIMEOUT']);

/** Passes uploaded archives on to an archiver as they come, and its answer back as it comes. */
@Injectable()
export class LoadRelay implements OnApplicationShutdown {
  readonly #agent = new Agent({ connect: { timeout: 5_000 }, headersTimeout: 0, bodyTimeout: 0 });
  #next = 0;

  constructor(
    @Inject(CONFIG) private readonly config: ServiceConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * The archiver's messages as raw bytes. The first `next` throws when no archiver takes the archive.
   *
   * @throws {EngineError}
   */
  async *load(upload: IncomingMessage, query: string, signal: AbortSignal): AsyncGenerator<Buffer | string> {
    const answer = await this.#send(upload, query, signal);
    if (answer.statusCode !== 200) throw new EngineError(502, await refusalText(answer));
    try {
      yield* answer.body as AsyncIterable<Buffer>;
    } catch (error) {
      this.logger.warn({ err: error }, 'an archiver broke off');
      yield `${JSON.stringify(errorMessage('the archive was not read to its end; load it again'))}\r\n`;
    } finally {
      // Whoever still sends must be able to come to an end, or it never reads the answer.
      upload.resume();
    }
  }

  onApplicationShutdown(): Promise<void> {
    return this.#agent.destroy();
  }

  /** An archiver that does not take the connection has read nothing, so another one can be asked. */
  async #send(upload: IncomingMessage, query: string, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const urls = this.#inTurn();
    for (const [index, url] of urls.entries()) {
      try {
        return await this.#agent.request({
          origin: url,
          path: `/internal/load${query}`,
          method: 'POST',
          headers: { authorization: `Bearer ${this.config.internalSecret}`, 'content-type': 'application/x-tar' },
          // Read through an iterator, so that an answer before the end of the body does not cut the client's connection.
          body: Readable.from(upload.iterator({ destroyOnReturn: false })),
          signal,
        });
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        this.logger.warn({ err: error, url }, 'an archiver did not take an archive');
        if (!notConnected.has(code ?? '') || upload.readableDidRead || index === urls.length - 1) break;
      }
    }
    throw new EngineError(503, 'no archiver can take the archive at the moment');
  }

  #inTurn(): readonly string[] {
    const { archiverUrls } = this.config;
    const first = this.#next++ % Math.max(archiverUrls.length, 1);
    return [...archiverUrls.slice(first), ...archiverUrls.slice(0, first)];
  }
}

async function refusalText({ statusCode, body }: Dispatcher.ResponseData): Promise<string> {
  const text = (await body.text()).slice(0, 500);
  return `the archiver answered ${statusCode}: ${text}`;
}
