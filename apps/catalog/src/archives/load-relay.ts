import type { IncomingMessage } from 'node:http';
import type { Logger } from '@entrepot/observability';
import { Inject, Injectable } from '@nestjs/common';
import type { Dispatcher } from 'undici';
import { EngineError } from '../docker-engine/engine-error.js';
import { LOGGER } from '../providers.js';
import { errorMessage } from '../pulls/pull-messages.js';
import { ArchiverRelay } from './archiver-relay.js';

/** Has uploaded archives loaded by an archiver. */
@Injectable()
export class LoadRelay {
  constructor(
    private readonly relay: ArchiverRelay,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * The archiver's messages as raw bytes. The first `next` throws when no archiver takes the archive.
   *
   * @throws {EngineError}
   */
  async *load(upload: IncomingMessage, query: string, signal: AbortSignal): AsyncGenerator<Buffer | string> {
    const answer = await this.relay.send({ method: 'POST', path: `/load${query}`, upload, signal });
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
}

async function refusalText({ statusCode, body }: Dispatcher.ResponseData): Promise<string> {
  const text = (await body.text()).slice(0, 500);
  return `the archiver answered ${statusCode}: ${text}`;
}
