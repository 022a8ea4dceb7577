import { createHealth, createLogger, createMetrics } from '@entrepot/observability';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createCatalog } from '../catalog.js';
import type { CatalogParts } from '../providers.js';

describe('transport', () => {
  let app: NestFastifyApplication;
  let url: string;

  beforeAll(async () => {
    const parts = {
      logger: createLogger({ service: 'test', level: 'silent' }),
      metrics: createMetrics('test'),
      health: createHealth(),
    };
    app = await createCatalog(parts as CatalogParts);
    await app.listen({ host: '127.0.0.1', port: 0 });
    url = await app.getUrl();
  });

  afterAll(() => app.close());

  it('answers a ping with the version and without a body to HEAD', async () => {
    for (const method of ['HEAD', 'GET']) {
      const answer = await fetch(`${url}/_ping`, { method });
      expect([answer.status, answer.headers.get('api-version'), await answer.text()]).toEqual([
        200,
        '1.50',
        method === 'HEAD' ? '' : 'OK',
      ]);
    }
  });

  it.each([
    ['/v1.99/_ping', 400, 'client version 1.99 is too new. Maximum supported API version is 1.50'],
    [
      '/v1.10/version',
      400,
      'client version 1.10 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version',
    ],
    ['/v1.41/nosuch', 404, 'page not found'],
    ['/nosuch', 404, 'page not found'],
    ['/%zz', 400, "'/%zz' is not a valid url component"],
  ])('%s: %i %s', async (path, status, message) => {
    const answer = await fetch(url + path);
    expect([answer.status, await answer.text()]).toEqual([status, `${JSON.stringify({ message })}\n`]);
    expect(answer.headers.get('content-type')).toBe('application/json');
  });

  it('knows a wrong method as little as a wrong path, and gives neither the usual headers', async () => {
    for (const [method, path] of [
      ['PUT', '/version'],
      ['HEAD', '/version'],
      ['GET', '/v1.41/nosuch'],
    ] as const) {
      const answer = await fetch(url + path, { method });
      expect([answer.status, answer.headers.get('api-version')]).toEqual([404, null]);
    }
  });

  it('welcomes OPTIONS everywhere', async () => {
    const answer = await fetch(`${url}/v1.41/images/json`, { method: 'OPTIONS' });
    expect([answer.status, answer.headers.get('api-version'), await answer.text()]).toEqual([200, '1.50', '']);
  });

  it('serves /version with and without prefix, as exactly application/json', async () => {
    for (const path of ['/version', '/v1.24/version']) {
      const answer = await fetch(url + path);
      expect(answer.headers.get('content-type')).toBe('application/json');
      expect(await answer.json()).toMatchObject({ ApiVersion: '1.50', MinAPIVersion: '1.24', Os: 'linux' });
    }
  });
});
