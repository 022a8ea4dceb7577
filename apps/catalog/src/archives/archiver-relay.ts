import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { ServiceConfig } from '@entrepot/config';
import { errorMessage } from '@entrepot/content';
import type { Logger } from '@entrepot/observability';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Agent, type Dispatcher } from 'undici';
import { currentCaller } from '../access/caller.js';
import { EngineError } from '../docker-engine/engine-error.js';
import { CONFIG, LOGGER } from '../providers.js';
import { ArchiverError, readRefusal } from './archiver-error.js';

/** What is asked of an archiver. */
export interface RelayedRequest {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With the query; `/internal/…`. */
  path: string;
  headers?: Readonly<Record<string, string>>;
  /** The client's request, whose body goes on as it comes; none for a request without a body. */
  upload?: IncomingMessage;
  /** Sent as JSON instead. It changes nothing, so that any archiver may be asked again. */
  question?: object;
}

const notConnected = new Set(['ECONNREFUSED', 'ECONNRESET', 'EHOSTUNREACH', 'ENOTFOUND', 'UND_ERR_CONNECT_TIMEOUT']);
const maxRefusalBytes = 64 * 1024;

/** Passes requests that need tar work on to an archiver, bodies as they come, and its answers back as they come. */
@Injectable()
export class ArchiverRelay implements OnApplicationShutdown {
  readonly #agent = new Agent({ connect: { timeout: 5_000 }, headersTimeout: 0, bodyTimeout: 0 });
  #next = 0;

  constructor(
    @Inject(CONFIG) private readonly config: ServiceConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * The archiver's messages as raw bytes. The first `next` throws when no archiver takes the request, or when it
   * refuses; an archiver that breaks off becomes a message, `broken`.
   *
   * @throws {EngineError}
   */
  async *messages(request: RelayedRequest, broken: string, signal: AbortSignal): AsyncGenerator<Buffer | string> {
    const answer = await this.send(request, signal);
    try {
      yield* answer.body as AsyncIterable<Buffer>;
    } catch (error) {
      this.logger.warn({ err: error }, 'an archiver broke off');
      yield `${JSON.stringify(errorMessage(broken))}\r\n`;
    } finally {
      // Whoever still sends must be able to come to an end, or it never reads the answer.
      request.upload?.resume();
    }
  }

  /**
   * The archiver's answer; the caller reads its body to the end or destroys it. An archiver that does not take the
   * connection has read nothing, so another one is asked.
   *
   * @throws {EngineError} none takes it, or its refusal with status and text
   * @throws {ArchiverError} its refusal, when that has a code
   */
  async send(request: RelayedRequest, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const urls = this.#inTurn();
    for (const [index, url] of urls.entries()) {
      try {
        return await accepted(await this.#ask(url, request, signal), request.method);
      } catch (error) {
        if (error instanceof EngineError || error instanceof ArchiverError) throw error;
        signal.throwIfAborted();
        const { code } = error as NodeJS.ErrnoException;
        this.logger.warn({ err: error, url }, 'an archiver did not take a request');
        const isUntouched = request.upload === undefined || !request.upload.readableDidRead;
        const mayAskAgain = request.question !== undefined || (notConnected.has(code ?? '') && isUntouched);
        if (!mayAskAgain || index === urls.length - 1) break;
      }
    }
    throw new EngineError(503, 'no archiver can take this at the moment');
  }

  onApplicationShutdown(): Promise<void> {
    return this.#agent.destroy();
  }

  #ask(url: string, { method, path, headers, upload, question }: RelayedRequest, signal: AbortSignal) {
    const own = {
      authorization: `Bearer ${this.config.internalSecret}`,
      'x-entrepot-caller': encodeURIComponent(currentCaller() ?? ''),
    };
    // Read through an iterator, so that an answer before the end of the body does not cut the client's connection.
    const body = question
      ? JSON.stringify(question)
      : upload && Readable.from(upload.iterator({ destroyOnReturn: false }));
    return this.#agent.request({ origin: url, path, method, headers: { ...headers, ...own }, body, signal });
  }

  #inTurn(): readonly string[] {
    const { archiverUrls } = this.config;
    const first = this.#next++ % Math.max(archiverUrls.length, 1);
    return [...archiverUrls.slice(first), ...archiverUrls.slice(0, first)];
  }
}

/** A refusal that is written for the client carries `message`, as the Engine API has it, or more. */
async function accepted(
  answer: Dispatcher.ResponseData,
  method: RelayedRequest['method'],
): Promise<Dispatcher.ResponseData> {
  const { statusCode, body } = answer;
  if (statusCode < 300) return answer;
  let text = '';
  for await (const chunk of body) if (text.length < maxRefusalBytes) text += String(chunk);
  const document = parseJson(text);
  const refusal = readRefusal(statusCode, document);
  if (refusal !== null) throw refusal;
  const { message } = (document ?? {}) as { message?: unknown };
  if (typeof message === 'string') throw new EngineError(statusCode, message);
  // The answer to HEAD has no body, and its status says all.
  if (method === 'HEAD') throw new EngineError(statusCode, `the archiver answered ${statusCode}`);
  throw new EngineError(502, `the archiver answered ${statusCode}: ${text.slice(0, 500)}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
