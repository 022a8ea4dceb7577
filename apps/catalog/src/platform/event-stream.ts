import { Readable } from 'node:stream';
import type { Endpoint } from '@entrepot/platform-api';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** One event of a stream (WHATWG HTML, 9.2). */
export interface StreamEvent<T> {
  /** Where a client goes on that lost its connection; it comes back as `Last-Event-ID`. */
  id: string;
  /** What kind of event it is; `message` when it is not said. */
  event?: string;
  data: T;
}

/** The id of the event after which nothing comes any more; a client that comes back with it is told so. */
export const endEventId = 'end';

/** Where a client wants to go on. */
export function lastEventId({ headers }: FastifyRequest): string | undefined {
  const value = headers['last-event-id'];
  return Array.isArray(value) ? value[0] : value;
}

/** Idle streams say something now and then, or a proxy takes them for dead. */
const keepAliveMs = 15_000;

/** The events as they go over the wire, each as soon as it is there, each held against the endpoint's schema. */
export function sendEvents(
  endpoint: Endpoint,
  reply: FastifyReply,
  events: AsyncIterable<StreamEvent<unknown>>,
): Readable {
  void reply.headers({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  return Readable.from(encode(endpoint, events));
}

async function* encode(endpoint: Endpoint, events: AsyncIterable<StreamEvent<unknown>>): AsyncGenerator<string> {
  yield ': connected\n\n';
  const iterator = events[Symbol.asyncIterator]();
  try {
    for (let next = iterator.next(); ; ) {
      const result = await within(next, keepAliveMs);
      if (result === null) {
        yield ': still here\n\n';
        continue;
      }
      if (result.done) return;
      yield eventText({ ...result.value, data: endpoint.response.parse(result.value.data) });
      next = iterator.next();
    }
  } finally {
    await iterator.return?.();
  }
}

function eventText({ id, event, data }: StreamEvent<unknown>): string {
  const kind = event === undefined ? '' : `event: ${event}\n`;
  return `${kind}id: ${id}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** Null when the time is over first; the promise goes on. */
async function within<T>(promise: Promise<T>, ms: number): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const timeOut = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), ms);
  });
  try {
    return await Promise.race([promise, timeOut]);
  } finally {
    clearTimeout(timer);
  }
}
