import { STATUS_CODES } from 'node:http';
import { z } from 'zod';
import { basePath, type Endpoint } from './define-endpoint.js';
import { problem, problemType } from './problem.js';

/** A JSON document; what it holds is said by OpenAPI and JSON Schema. */
export type JsonObject = { [key: string]: unknown };

/** The OpenAPI 3.1 document of a catalogue of endpoints; the key of each is its `operationId`. */
export function openApiDocument(endpoints: Readonly<Record<string, Endpoint>>, version: string): JsonObject {
  const schemas = new Schemas();
  const paths: Record<string, JsonObject> = {};
  for (const [operationId, endpoint] of Object.entries(endpoints)) {
    const method = endpoint.method.toLowerCase();
    paths[endpoint.path] = {
      ...paths[endpoint.path],
      [method]: { operationId, ...operation(endpoint, schemas) },
    };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Entrepot', version, description: 'Container images of a whole platform.' },
    servers: [{ url: basePath }],
    paths,
    components: {
      schemas: schemas.named,
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'Made by `entrepot token create`.' } },
    },
  };
}

function operation(endpoint: Endpoint, schemas: Schemas): JsonObject {
  const { summary, description, tags, role, status } = endpoint;
  const needs = role === 'anyone' ? 'No token is needed.' : `Needs the role ${role}.`;
  return {
    summary,
    description: description === undefined ? needs : `${description}\n\n${needs}`,
    tags,
    security: role === 'anyone' ? [] : [{ token: [] }],
    parameters: parameters(endpoint, schemas),
    ...requestBody(endpoint, schemas),
    responses: {
      [status]: { description: STATUS_CODES[status] ?? '', ...answer(endpoint, schemas) },
      default: { description: 'Refused', content: { [problemType]: { schema: schemas.of(problem, 'output') } } },
    },
  };
}

function parameters(endpoint: Endpoint, schemas: Schemas): JsonObject[] {
  const inPath = Object.entries(endpoint.params.shape).map(([name, schema]) =>
    parameter('path', name, schema, schemas),
  );
  const inQuery = Object.entries(endpoint.query.shape).map(([name, schema]) =>
    parameter('query', name, schema, schemas),
  );
  return [...inPath, ...inQuery, ...headers(endpoint)];
}

function parameter(place: string, name: string, schema: z.core.$ZodType, schemas: Schemas): JsonObject {
  const { description, ...shape } = schemas.of(schema, 'input');
  const required = place === 'path' || !z.safeParse(schema, undefined).success;
  return { name, in: place, required, ...(description === undefined ? {} : { description }), schema: shape };
}

function headers(endpoint: Endpoint): JsonObject[] {
  const text = { type: 'string' };
  const key = {
    ...{ name: 'Idempotency-Key', in: 'header', required: false, schema: { ...text, maxLength: 255 } },
    description:
      'The same key with the same body gets the same answer for a day, with another body the refusal ' +
      '`IDEMPOTENCY_KEY_REUSED`. While the first request is worked on, others get 409 `IDEMPOTENCY_KEY_BUSY` with ' +
      '`Retry-After`. A request that failed lets go of its key at once; one whose server died keeps it for two minutes, ' +
      'and then whoever comes next with the same body does the work, which may have been begun before.',
  };
  const last = {
    ...{ name: 'Last-Event-ID', in: 'header', required: false, schema: text },
    description: 'The id of the last event that was seen; the stream goes on after it.',
  };
  return [...(endpoint.startsWork ? [key] : []), ...(endpoint.stream === 'events' ? [last] : [])];
}

function requestBody(endpoint: Endpoint, schemas: Schemas): JsonObject {
  if (endpoint.upload !== undefined) {
    const content = Object.fromEntries(endpoint.upload.map((type) => [type, {}]));
    return { requestBody: { required: true, content } };
  }
  if (endpoint.body instanceof z.ZodUndefined) return {};
  const required = !endpoint.body.safeParse(undefined).success;
  return { requestBody: { required, content: { 'application/json': { schema: schemas.of(endpoint.body, 'input') } } } };
}

function answer({ stream, response }: Endpoint, schemas: Schemas): JsonObject {
  if (stream === 'bytes') return { content: { 'application/octet-stream': {} } };
  if (response instanceof z.ZodUndefined) return {};
  const type = stream === 'events' ? 'text/event-stream' : 'application/json';
  return { content: { [type]: { schema: schemas.of(response, 'output') } } };
}

/** JSON Schemas of zod schemas; those with an id are gathered and referred to. */
class Schemas {
  readonly named: Record<string, unknown> = {};

  of(schema: z.core.$ZodType, io: 'input' | 'output'): JsonObject {
    const { $schema: _, $defs, ...document } = z.toJSONSchema(schema, { io }) as JsonObject;
    for (const [id, inner] of Object.entries($defs ?? {})) this.named[id] = relocated(withoutId(inner));
    return relocated(document) as JsonObject;
  }
}

function withoutId(schema: unknown): unknown {
  const { id: _, ...rest } = schema as JsonObject;
  return rest;
}

/** Named schemas are in the document's components, not beside the schema that uses them. */
function relocated(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(relocated);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) =>
      key === '$ref' && typeof inner === 'string'
        ? [key, inner.replace('#/$defs/', '#/components/schemas/')]
        : [key, relocated(inner)],
    ),
  );
}
