import type { z } from 'zod';
import { basePath, type Endpoint } from './define-endpoint.js';

/** What a client gives to an endpoint; parts that may be empty may be left out. */
export type EndpointInput<E extends Endpoint> = Part<'params', z.input<E['params']>> &
  Part<'query', z.input<E['query']>> &
  Part<'body', z.input<E['body']>> & {
    /** Only where work is started: the same key and body get the same answer. */
    idempotencyKey?: string;
  };

/** What a client gets: the answer, or the data of each event. */
export type EndpointOutput<E extends Endpoint> = z.output<E['response']>;

type Part<K extends string, T> = undefined extends T
  ? { [key in K]?: T }
  : Record<never, never> extends T
    ? { [key in K]?: T }
    : { [key in K]: T };

/** An HTTP request, but for the server's address. */
export interface EndpointRequest {
  method: Endpoint['method'];
  /** Path and query. */
  path: string;
  headers: Record<string, string>;
  body?: string;
}

/** The request that asks an endpoint. The server checks what it carries. */
export function requestOf<E extends Endpoint>(endpoint: E, input: EndpointInput<E>): EndpointRequest {
  const { params = {}, query = {}, body, idempotencyKey } = input as LooseInput;
  const path = endpoint.path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(params[name])));
  const search = queryText(query);
  return {
    method: endpoint.method,
    path: `${basePath}${path}${search === '' ? '' : `?${search}`}`,
    headers: {
      accept: endpoint.stream === 'events' ? 'text/event-stream' : 'application/json',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  };
}

interface LooseInput {
  params?: Record<string, unknown>;
  query?: Record<string, unknown>;
  body?: unknown;
  idempotencyKey?: string;
}

function queryText(query: Record<string, unknown>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of [value].flat()) if (one !== undefined) search.append(name, String(one));
  }
  return search.toString();
}
