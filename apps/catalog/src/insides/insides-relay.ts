import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { ServiceConfig } from '@entrepot/config';
import type { Logger } from '@entrepot/observability';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Agent, type Dispatcher } from 'undici';
import { ArchiverError, readRefusal } from '../archives/archiver-error.js';
import { CONFIG, LOGGER } from '../providers.js';

/** Asks an archiver what is in layers: reading tars is its work. */
@Injectable()
export class InsidesRelay implements OnApplicationShutdown {
  readonly #agent = new Agent({ connect: { timeout: 5_000 }, headersTimeout: 0, bodyTimeout: 0 });
  #next = 0;

  constructor(
    @Inject(CONFIG) private readonly config: ServiceConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** An answer of JSON; its shape is the caller's to check. @throws {ArchiverError} */
  async ask(question: string, body: object, signal: AbortSignal): Promise<unknown> {
    return (await this.#post(question, body, signal)).body.json();
  }

  /** An answer of bytes, with the entry they belong to. The caller reads or destroys them. @throws {ArchiverError} */
  async open(question: string, body: object, signal: AbortSignal): Promise<{ entry: unknown; content: Readable }> {
    const answer = await this.#post(question, body, signal);
    return { entry: entryIn(answer.headers), content: answer.body };
  }

  onApplicationShutdown(): Promise<void> {
    return this.#agent.destroy();
  }

  async #post(question: string, body: object, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const answer = await this.#send(`/internal/insides/${question}`, JSON.stringify(body), signal);
    if (answer.statusCode === 200) return answer;
    const refusal = readRefusal(answer.statusCode, await answer.body.json().catch(() => null));
    throw refusal ?? new ArchiverError(502, 'ARCHIVER_FAILED', 'an archiver refused the question', true);
  }

  /** A question changes nothing, so any archiver may be asked again. */
  async #send(path: string, body: string, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    for (const origin of this.#inTurn()) {
      try {
        return await this.#agent.request({
          ...{ origin, path, method: 'POST', body, signal },
          headers: { authorization: `Bearer ${this.config.internalSecret}`, 'content-type': 'application/json' },
        });
      } catch (error) {
        signal.throwIfAborted();
        this.logger.warn({ err: error, url: origin }, 'an archiver did not answer');
      }
    }
    throw new ArchiverError(503, 'ARCHIVER_UNAVAILABLE', 'no archiver answers at the moment', true);
  }

  #inTurn(): readonly string[] {
    const { archiverUrls } = this.config;
    const first = this.#next++ % Math.max(archiverUrls.length, 1);
    return [...archiverUrls.slice(first), ...archiverUrls.slice(0, first)];
  }
}

function entryIn(headers: IncomingHttpHeaders): unknown {
  return JSON.parse(decodeURIComponent(String(headers['x-entry'] ?? 'null')));
}
