import type { Endpoint } from '@entrepot/platform-api';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type InputIssue, PlatformError } from './platform-error.js';

/** The parameters of the path. @throws {PlatformError} 400, naming each wrong one */
export function readParams(endpoint: Endpoint, request: FastifyRequest): Record<string, unknown> {
  return check(endpoint.params, request.params, 'path') as Record<string, unknown>;
}

/** The query, each parameter turned from text into what its schema wants. @throws {PlatformError} 400, naming each wrong one */
export function readQuery(endpoint: Endpoint, request: FastifyRequest): Record<string, unknown> {
  const given = Object.entries(request.query as Record<string, string | string[]>);
  const values = given.map(([name, value]) => [name, fromText(endpoint.query.shape[name], value)]);
  return check(endpoint.query, Object.fromEntries(values), 'query') as Record<string, unknown>;
}

/**
 * The JSON body; nothing where the endpoint takes raw bytes.
 *
 * @throws {PlatformError} too long, another type, not JSON, or not what the endpoint takes
 */
export async function readBody(endpoint: Endpoint, request: FastifyRequest): Promise<unknown> {
  if (endpoint.upload !== undefined) return undefined;
  const text = await readText(request, endpoint.maxBodyBytes);
  if (text === '') return check(endpoint.body, undefined, 'body');
  if (endpoint.body instanceof z.ZodUndefined) throw new PlatformError(400, 'INVALID_REQUEST', 'expected no body');
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase() ?? '';
  if (type !== 'application/json') {
    throw new PlatformError(
      415,
      'UNSUPPORTED_MEDIA_TYPE',
      `expected a body of type application/json, not ${type || 'none'}`,
    );
  }
  return check(endpoint.body, parseJson(text), 'body');
}

/** The whole body as text. @throws {PlatformError} it is too long */
export async function readText(request: FastifyRequest, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request.raw as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    // Read on without keeping: a client that is answered while it sends may never see the answer.
    if (sizeBytes <= maxBytes) chunks.push(chunk);
    if (sizeBytes > maxBytes * 16) break;
  }
  if (sizeBytes > maxBytes) {
    throw new PlatformError(413, 'BODY_TOO_LARGE', `the body is larger than ${maxBytes} bytes`);
  }
  return Buffer.concat(chunks).toString();
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new PlatformError(400, 'INVALID_REQUEST', `the body is not JSON: ${(error as Error).message}`);
  }
}

function check(schema: z.ZodType, value: unknown, place: InputIssue['in']): unknown {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw invalid(parsed.error.issues.map((issue) => ({ in: place, ...toIssue(issue) })));
  const nul = findNul(parsed.data);
  if (nul !== null) throw invalid([{ in: place, field: nul, message: 'expected no NUL character' }]);
  return parsed.data;
}

function invalid(errors: InputIssue[]): PlatformError {
  const shown = errors.slice(0, 100);
  const [first] = shown;
  const where = first?.field === '' ? first.in : `${first?.in} ${first?.field}`;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  return new PlatformError(400, 'INVALID_REQUEST', `${where}: ${first?.message}${more}`, { errors: shown });
}

function toIssue(issue: z.core.$ZodIssue): Omit<InputIssue, 'in'> {
  const field = issue.path.map(String).join('.');
  if (issue.code !== 'unrecognized_keys') return { field, message: issue.message };
  return { field: [field, issue.keys.join(', ')].filter((part) => part !== '').join('.'), message: 'is not known' };
}

/** PostgreSQL has no text with a NUL in it. */
function findNul(value: unknown, path: readonly string[] = []): string | null {
  if (typeof value === 'string') return value.includes('\0') ? path.join('.') : null;
  if (typeof value !== 'object' || value === null) return null;
  for (const [key, inner] of Object.entries(value)) {
    const found = findNul(inner, [...path, key]);
    if (found !== null) return found;
  }
  return null;
}

/** Text of a query as the value that a schema wants; what is no such text stays, for the schema to refuse. */
function fromText(schema: z.core.$ZodType | undefined, value: string | string[]): unknown {
  const type = innermost(schema);
  if (type instanceof z.ZodArray) return [value].flat().map((one) => fromText(type.element, one));
  if (typeof value !== 'string') return value;
  if (type instanceof z.ZodNumber) return /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value;
  if (!(type instanceof z.ZodBoolean)) return value;
  return value === 'true' || value === '1' ? true : value === 'false' || value === '0' ? false : value;
}

function innermost(schema: z.core.$ZodType | undefined): z.core.$ZodType | undefined {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodNullable) {
    return innermost(schema.def.innerType);
  }
  return schema;
}
