import { z } from 'zod';

/** Every path of the API begins with this. */
export const basePath = '/api/v1';

/** What a caller may do; each role may do what those before it may. `anyone` needs no token at all. */
export const roles = ['anyone', 'reader', 'operator', 'admin'] as const;

export type Role = (typeof roles)[number];

/** How an answer comes: one JSON document, Server-Sent Events of one schema, or bytes as they are. */
export type Stream = 'none' | 'events' | 'bytes';

type Shape = z.core.$ZodLooseShape;

/** One thing that can be asked of the API. Server, client and OpenAPI document follow from it. */
export interface Endpoint<
  P extends Shape = Shape,
  Q extends Shape = Shape,
  B extends z.ZodType = z.ZodType,
  R extends z.ZodType = z.ZodType,
  S extends Stream = Stream,
> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below `basePath`, with parameters in braces: `/images/{name}/history`. */
  readonly path: string;
  readonly role: Role;
  /** One line; the first word is a verb. */
  readonly summary: string;
  readonly description?: string;
  readonly tags: readonly string[];
  readonly params: z.ZodObject<P, z.core.$strict>;
  readonly query: z.ZodObject<Q, z.core.$strict>;
  /** `z.undefined()` when there is none. */
  readonly body: B;
  /** Instead of a JSON body: media types of raw bytes, which the handler reads itself, or gets as text when it starts work. */
  readonly upload?: readonly string[];
  /** The longest body that is read as a whole. */
  readonly maxBodyBytes: number;
  /** The whole answer, or the data of one event; `z.undefined()` for none and for bytes. */
  readonly response: R;
  readonly status: number;
  readonly stream: S;
  /** It starts work, and takes an `Idempotency-Key`: the same key and body get the same answer. */
  readonly startsWork: boolean;
}

interface Definition<P extends Shape, Q extends Shape, B extends z.ZodType, R extends z.ZodType, S extends Stream> {
  method: Endpoint['method'];
  path: string;
  role: Role;
  summary: string;
  description?: string;
  tags: readonly string[];
  /** One schema of text for each parameter of the path. */
  params?: P;
  /** Booleans, numbers and arrays are read from text; an array is a parameter given several times. */
  query?: Q;
  body?: B;
  upload?: readonly string[];
  maxBodyBytes?: number;
  response?: R;
  /** 200 when there is an answer, 204 when there is none. */
  status?: number;
  stream?: S;
  startsWork?: boolean;
}

const defaultBodyBytes = 1024 * 1024;

/**
 * Declares an endpoint. It must be listed in `endpoints.ts` and have one handler in catalog.
 *
 * @throws {EndpointError} the parameters of the path and those of the schema differ
 */
export function defineEndpoint<
  P extends Shape = Record<never, never>,
  Q extends Shape = Record<never, never>,
  B extends z.ZodType = z.ZodUndefined,
  R extends z.ZodType = z.ZodUndefined,
  S extends Stream = 'none',
>(definition: Definition<P, Q, B, R, S>): Endpoint<P, Q, B, R, S> {
  const { params, query, body, response, status, stream, maxBodyBytes, startsWork, ...rest } = definition;
  const inPath = [...definition.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  const declared = Object.keys(params ?? {});
  if (inPath.toSorted().join() !== declared.toSorted().join()) throw new EndpointError(definition.path, declared);
  return Object.freeze({
    ...rest,
    params: z.strictObject(params ?? ({} as P)),
    query: z.strictObject(query ?? ({} as Q)),
    body: body ?? (z.undefined() as z.ZodType as B),
    response: response ?? (z.undefined() as z.ZodType as R),
    status: status ?? (response === undefined && stream !== 'bytes' ? 204 : 200),
    stream: stream ?? ('none' as S),
    maxBodyBytes: maxBodyBytes ?? defaultBodyBytes,
    startsWork: startsWork ?? false,
  });
}

/** The parameters of an endpoint's path and of its schema are not the same. */
export class EndpointError extends Error {
  override readonly name = 'EndpointError';
  readonly code = 'ENDPOINT' as const;
  readonly retryable = false;

  constructor(
    readonly path: string,
    readonly params: readonly string[],
  ) {
    super(`the parameters of ${path} are not those that are declared: ${params.join(', ') || 'none'}`);
  }
}
