import { z } from 'zod';
import { defineEndpoint } from './define-endpoint.js';
import { requestOf } from './endpoint-request.js';
import { endpoints } from './endpoints.js';
import { type JsonObject, openApiDocument } from './openapi.js';

const part = z.object({ size: z.int() }).meta({ id: 'TestPart' });
const whole = z.object({ parts: z.array(part) }).meta({ id: 'TestWhole' });
const getThing = defineEndpoint({
  ...{ method: 'GET', path: '/things/{name}', role: 'reader', summary: 'Read a thing', tags: ['things'] },
  params: { name: z.string() },
  query: { deep: z.boolean().default(false), kind: z.array(z.string()).optional(), must: z.int() },
  response: whole,
});
const followThing = defineEndpoint({
  ...{ method: 'POST', path: '/things', role: 'anyone', summary: 'Make a thing', tags: ['things'] },
  body: part,
  response: part,
  stream: 'events',
  startsWork: true,
});

describe('the OpenAPI document', () => {
  const document = openApiDocument({ getThing, followThing }, '1.2.3') as {
    openapi: string;
    paths: Record<string, Record<string, JsonObject>>;
    components: { schemas: Record<string, JsonObject> };
  };

  it('names schemas once and refers to them', () => {
    expect(Object.keys(document.components.schemas).toSorted()).toEqual(['Problem', 'TestPart', 'TestWhole']);
    expect(document.components.schemas.TestWhole).toMatchObject({
      properties: { parts: { items: { $ref: '#/components/schemas/TestPart' } } },
    });
    expect(JSON.stringify(document)).not.toContain('$defs');
  });

  it('says what is required, who may call, and how it streams', () => {
    const { get } = document.paths['/things/{name}'] ?? {};
    expect(get).toMatchObject({
      operationId: 'getThing',
      security: [{ token: [] }],
      parameters: [
        { name: 'name', in: 'path', required: true, schema: { type: 'string' } },
        { name: 'deep', in: 'query', required: false, schema: { type: 'boolean', default: false } },
        { name: 'kind', in: 'query', required: false, schema: { type: 'array', items: { type: 'string' } } },
        { name: 'must', in: 'query', required: true },
      ],
      responses: { 200: { content: { 'application/json': { schema: { $ref: '#/components/schemas/TestWhole' } } } } },
    });
    const { post } = document.paths['/things'] ?? {};
    expect(post).toMatchObject({
      security: [],
      requestBody: { required: true },
      parameters: [{ name: 'Idempotency-Key' }, { name: 'Last-Event-ID' }],
      responses: { 200: { content: { 'text/event-stream': {} } } },
    });
  });

  it('can be made of the whole catalogue, with every reference resolved', () => {
    const all = openApiDocument(endpoints, '1.2.3') as typeof document;
    const references = [...JSON.stringify(all).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name);
    expect(references.filter((name) => all.components.schemas[name as string] === undefined)).toEqual([]);
    expect(all.openapi).toBe('3.1.0');
  });
});

describe('an endpoint', () => {
  it('refuses a path whose parameters are not declared', () => {
    const define = () =>
      defineEndpoint({
        method: 'GET',
        path: '/x/{a}',
        role: 'reader',
        summary: 'x',
        tags: [],
        params: { b: z.string() },
      });
    expect(define).toThrow('the parameters of /x/{a} are not those that are declared: b');
  });

  it('becomes a request', () => {
    expect(requestOf(getThing, { params: { name: 'a/b:1' }, query: { must: 3, kind: ['x', 'y z'] } })).toEqual({
      method: 'GET',
      path: '/api/v1/things/a%2Fb%3A1?must=3&kind=x&kind=y+z',
      headers: { accept: 'application/json' },
    });
    expect(requestOf(followThing, { body: { size: 1 }, idempotencyKey: 'k' })).toEqual({
      method: 'POST',
      path: '/api/v1/things',
      headers: { accept: 'text/event-stream', 'content-type': 'application/json', 'idempotency-key': 'k' },
      body: '{"size":1}',
    });
  });
});
