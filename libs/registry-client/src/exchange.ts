// The fast path of downloads: undici's raw handler, no stream between the socket and the one who takes the bytes.
import type { Dispatcher } from 'undici';

/** One request on the wire, and nothing more: no redirects, no authentication, no second try. */
export interface WireRequest {
  dispatcher: Dispatcher;
  url: URL;
  method: 'GET' | 'HEAD' | 'POST';
  headers: Record<string, string>;
  body?: string;
  signal?: AbortSignal;
  /** Most time without a byte, and until the head. */
  idleTimeoutMs: number;
}

export interface ResponseHead {
  status: number;
  statusText: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
}

/**
 * Takes the body. The chunk is good until the call returns: what is kept has to be copied. A promise pauses the socket
 * until it settles; throwing ends the exchange with that error; `enough` ends it as if the body ended here, so that
 * nobody can make us read for ever.
 */
export type BodySink = (chunk: Buffer) => void | 'enough' | Promise<void>;

/**
 * Sends a request and gives the body to the sink that `onHead` chooses.
 * Resolves when the last byte was taken; rejects as soon as `signal` aborts, and
 * in all other cases only after a pending sink has settled.
 *
 * @throws {NetworkFailure} whatever the network did; all other errors are those of sink, `onHead` or signal
 */
export function exchange(request: WireRequest, onHead: (head: ResponseHead) => BodySink): Promise<ResponseHead> {
  return new Promise((resolve, reject) => {
    if (request.signal?.aborted) {
      reject(request.signal.reason);
      return;
    }
    const { dispatcher, url, method, headers, body = null, idleTimeoutMs } = request;
    const path = `${url.pathname}${url.search}`;
    const timeouts = { headersTimeout: idleTimeoutMs, bodyTimeout: idleTimeoutMs };
    const handler = new ExchangeHandler(request, onHead, resolve, reject);
    // Without this word undici closes the connection after each HEAD, for fear of a body where none belongs.
    const keepOpen = { reset: false };
    dispatcher.dispatch({ origin: url.origin, path, method, headers, body, ...timeouts, ...keepOpen }, handler);
  });
}

/** The header's first value. */
export function headerOf(head: ResponseHead, name: string): string | undefined {
  const value = head.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

class ExchangeHandler implements Dispatcher.DispatchHandler {
  #controller: Dispatcher.DispatchController | undefined;
  #head: ResponseHead | undefined;
  #sink: BodySink = () => {};
  #pending: Promise<void> | undefined;
  /** What ended it from our side, instead of the network. */
  #ours: { error: unknown } | undefined;
  #hasEnough = false;
  readonly #onAbort = () => {
    this.#reject(this.request.signal?.reason);
    this.#end(this.request.signal?.reason);
  };

  constructor(
    private readonly request: WireRequest,
    private readonly onHead: (head: ResponseHead) => BodySink,
    private readonly resolve: (head: ResponseHead) => void,
    private readonly reject: (reason: unknown) => void,
  ) {
    request.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#ours !== undefined) controller.abort(asError(this.#ours.error));
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: ResponseHead['headers'],
    statusText = '',
  ): void {
    if (status < 200) return;
    this.#head = { status, headers, statusText };
    try {
      this.#sink = this.onHead(this.#head);
    } catch (error) {
      this.#end(error);
    }
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#ours !== undefined || this.#hasEnough) return;
    try {
      const taken = this.#sink(chunk);
      if (taken === 'enough') this.#leave(controller);
      else if (taken !== undefined) this.#pause(controller, taken);
    } catch (error) {
      this.#end(error);
    }
  }

  onResponseEnd(): void {
    void this.#settled().then(() => {
      if (this.#ours !== undefined) this.#reject(this.#ours.error);
      else if (this.#head !== undefined) this.#resolve(this.#head);
    });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    void this.#settled().then(() => {
      if (this.#hasEnough && this.#head !== undefined) return this.#resolve(this.#head);
      this.#reject(this.#ours === undefined ? new NetworkFailure(this.request.url, error) : this.#ours.error);
    });
  }

  #pause(controller: Dispatcher.DispatchController, taken: Promise<void>): void {
    controller.pause();
    this.#pending = taken.then(
      () => {
        this.#pending = undefined;
        controller.resume();
      },
      (error: unknown) => this.#end(error),
    );
  }

  async #settled(): Promise<void> {
    await this.#pending;
  }

  #leave(controller: Dispatcher.DispatchController): void {
    this.#hasEnough = true;
    controller.abort(new Error('the rest of the body is not wanted'));
  }

  #end(error: unknown): void {
    this.#ours ??= { error };
    this.#controller?.abort(asError(error));
  }

  #resolve(head: ResponseHead): void {
    this.request.signal?.removeEventListener('abort', this.#onAbort);
    this.resolve(head);
  }

  #reject(error: unknown): void {
    this.request.signal?.removeEventListener('abort', this.#onAbort);
    this.reject(error);
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** The network, or the HTTP spoken over it, failed; the cause is Node's or undici's own error. */
export class NetworkFailure extends Error {
  override readonly name = 'NetworkFailure';
  override readonly cause: Error;

  constructor(
    readonly url: URL,
    cause: Error,
  ) {
    super(`${url.host}: ${cause.message}`);
    this.cause = cause;
  }
}
