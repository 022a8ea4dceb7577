import { createTestDatabase, type TestDatabase } from '@entrepot/testing';
import { type CatalogFixture, startCatalog } from '../catalog-fixture.js';

describe('transport', () => {
  let source: TestDatabase;
  let catalog: CatalogFixture;
  let url: string;

  beforeAll(async () => {
    source = await createTestDatabase();
    catalog = await startCatalog(source.url);
    url = catalog.url;
  });

  afterAll(async () => {
    await catalog.close();
    await source.drop();
  });

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

  it('tells whether it can serve, and what it has done', async () => {
    const ready = await fetch(`${url}/readyz`);
    expect([ready.status, await ready.json()]).toMatchObject([200, { ok: true, checks: { database: { ok: true } } }]);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect(await (await fetch(`${url}/metrics`)).text()).toContain('entrepot_http_request_seconds_count');
  });

  it.each<[method: string, path: string, status: number, body: unknown]>([
    ['GET', 'containers/json', 200, []],
    ['GET', 'networks', 200, []],
    ['GET', 'volumes', 200, { Volumes: [], Warnings: null }],
    ['GET', 'plugins', 200, []],
    ['POST', 'containers/prune', 200, { ContainersDeleted: null, SpaceReclaimed: 0 }],
    ['POST', 'networks/prune', 200, { NetworksDeleted: null }],
    ['POST', 'volumes/prune', 200, { VolumesDeleted: [], SpaceReclaimed: 0 }],
    ['POST', 'build/prune?filters=', 200, { CachesDeleted: null, SpaceReclaimed: 0 }],
    ['GET', 'containers/local/x:1/json', 404, { message: 'No such container: local/x:1' }],
    ['DELETE', 'containers/c1?force=1', 404, { message: 'No such container: c1' }],
    ['GET', 'networks/local/x:1', 404, { message: 'network local/x:1 not found' }],
    ['GET', 'volumes/local/x:1', 404, { message: 'get local/x:1: no such volume' }],
    ['GET', 'plugins/local/x:1/json', 404, { message: 'plugin "local/x:1" not found' }],
    ['DELETE', 'images', 404, { message: 'page not found' }],
    ['DELETE', 'images/json/', 400, { message: 'invalid reference format' }],
    ['PUT', 'images/json', 404, { message: 'page not found' }],
  ])('%s %s: %i', async (method, path, status, body) => {
    const answer = await fetch(`${url}/v1.50/${path}`, { method });
    expect([answer.status, await answer.json()]).toEqual([status, body]);
    expect(answer.headers.get('content-type')).toBe('application/json');
  });
});
