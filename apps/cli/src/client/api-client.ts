import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import type { ClientConfig } from '@entrepot/config';
import {
  type Endpoint,
  type EndpointInput,
  type EndpointOutput,
  type EndpointRequest,
  type Problem,
  problem,
  problemType,
  requestOf,
} from '@entrepot/platform-api';
import { Agent, type Dispatcher } from 'undici';
import { type ServerEvent, serverEvents } from './server-events.js';

/** Bytes that are sent instead of a JSON document. */
export interface Upload {
  body: Readable;
  contentType: string;
  headers?: Record<string, string>;
}

const maxProblemBytes = 1024 * 1024;

/** Speaks `/api/v1` with one server; what may be asked, and what comes back, is typed by the endpoints. */
export class ApiClient {
  readonly #config: ClientConfig;
  readonly #agent: Agent;

  constructor(config: ClientConfig) {
    this.#config = config;
    const ca = config.caFile === undefined ? undefined : readFileSync(config.caFile, 'utf8');
    this.#agent = new Agent({ connect: { timeout: 10_000, ca }, headersTimeout: 0, bodyTimeout: 0 });
  }

  /** @throws {ApiError} the server refused; @throws {ServerUnreachableError} nobody answers */
  async call<E extends Endpoint>(
    endpoint: E,
    input: EndpointInput<E>,
    signal?: AbortSignal,
  ): Promise<EndpointOutput<E>> {
    const response = await this.#send(requestOf(endpoint, input), { signal });
    if (response.statusCode === 204) {
      await response.body.dump();
      return undefined as EndpointOutput<E>;
    }
    return (await response.body.json()) as EndpointOutput<E>;
  }

  /** The events of a stream, from its beginning or after `lastEventId`; a connection that breaks is taken up again. */
  async *events<E extends Endpoint>(
    endpoint: E,
    input: EndpointInput<E>,
    options: { signal?: AbortSignal; lastEventId?: string } = {},
  ): AsyncGenerator<ServerEvent<EndpointOutput<E>>> {
    const request = requestOf(endpoint, input);
    yield* serverEvents<EndpointOutput<E>>(async (lastEventId) => {
      const headers: Record<string, string> = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
      return (await this.#send(request, { signal: options.signal, headers })).body;
    }, options);
  }

  /** Sends bytes; the answer is a JSON document. The source is destroyed when the server refuses. */
  async upload<E extends Endpoint>(
    endpoint: E,
    input: Omit<EndpointInput<E>, 'body'>,
    { body, contentType, headers }: Upload,
    signal?: AbortSignal,
  ): Promise<EndpointOutput<E>> {
    const request = requestOf(endpoint, input as EndpointInput<E>);
    const response = await this.#send(request, { body, signal, headers: { ...headers, 'content-type': contentType } });
    return (await response.body.json()) as EndpointOutput<E>;
  }

  /** Opens bytes by an endpoint or by a path of this server; the caller reads them to their end or destroys them. */
  async open(
    request: Pick<EndpointRequest, 'method' | 'path'>,
    options: { headers?: Record<string, string>; signal?: AbortSignal; body?: Readable } = {},
  ): Promise<Dispatcher.ResponseData> {
    return this.#send({ ...request, headers: {} }, options);
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }

  async #send(
    request: EndpointRequest,
    options: { body?: Readable; headers?: Record<string, string>; signal?: AbortSignal },
  ): Promise<Dispatcher.ResponseData> {
    const { url, token } = this.#config;
    const { origin, pathname } = new URL(url);
    let response: Dispatcher.ResponseData;
    try {
      response = await this.#agent.request({
        origin,
        path: `${pathname === '/' ? '' : pathname}${request.path}`,
        method: request.method,
        headers: { ...request.headers, ...options.headers, ...(token && { authorization: `Bearer ${token}` }) },
        body: options.body ?? request.body,
        signal: options.signal,
      });
    } catch (error) {
      options.body?.destroy();
      options.signal?.throwIfAborted();
      throw new ServerUnreachableError(url, error);
    }
    if (response.statusCode < 400) return response;
    options.body?.destroy();
    throw new ApiError(await readProblem(response));
  }
}

async function readProblem({ statusCode, headers, body }: Dispatcher.ResponseData): Promise<Problem> {
  let text = '';
  for await (const chunk of body as AsyncIterable<Buffer>) if (text.length < maxProblemBytes) text += chunk.toString();
  const document = parseJson(text);
  if (String(headers['content-type']).startsWith(problemType)) {
    const parsed = problem.safeParse(document);
    if (parsed.success) return parsed.data;
  }
  // The Engine API has only a sentence.
  const { message } = (document ?? {}) as { message?: unknown };
  const detail =
    typeof message === 'string' ? message : `the server answered ${statusCode}, which is no answer of Entrepot`;
  return {
    type: 'about:blank',
    title: 'Refused',
    status: statusCode,
    detail,
    code: 'UNEXPECTED',
    retryable: false,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The server refused, and said why. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: string;
  readonly retryable: boolean;

  constructor(readonly problem: Problem) {
    const fields = problem.errors?.map(({ field, message }) => `\n  ${field || 'request'}: ${message}`).join('') ?? '';
    super(`${problem.detail}${fields}`);
    this.code = problem.code;
    this.retryable = problem.retryable;
  }
}

/** No server answers at the address. */
export class ServerUnreachableError extends Error {
  override readonly name = 'ServerUnreachableError';
  readonly code = 'SERVER_UNREACHABLE';
  readonly retryable = true;

  constructor(
    readonly url: string,
    override readonly cause: unknown,
  ) {
    const { code, message } = cause as NodeJS.ErrnoException;
    super(`cannot reach Entrepot at ${url} (${code ?? message}); is it running? ENTREPOT_URL names another server`);
  }
}
