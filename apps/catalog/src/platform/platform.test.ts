import { basePath, endpoints } from '@entrepot/platform-api';
import { createTestDatabase, type SeededImage, seedImage, type TestDatabase } from '@entrepot/testing';
import { type CatalogFixture, startCatalog } from '../catalog-fixture.js';
import { checkHandlers } from './check-handlers.js';
import { PlatformImagesController } from './images.controller.js';
import { platformControllers } from './platform.js';

describe('the platform API', () => {
  let source: TestDatabase;
  let catalog: CatalogFixture;
  let image: SeededImage;

  beforeAll(async () => {
    source = await createTestDatabase();
    catalog = await startCatalog(source.url);
    image = await catalog.database.transaction((tx) =>
      seedImage(tx, { layers: ['os=100'], names: ['reg.example.com/team/base:1'] }),
    );
  });

  afterAll(async () => {
    await catalog.close();
    await source.drop();
  });

  const ask = async (method: string, path: string, body?: string, type = 'application/json') => {
    const headers: Record<string, string> = body === undefined ? {} : { 'content-type': type };
    const answer = await fetch(`${catalog.url}${basePath}${path}`, { method, body, headers });
    return { status: answer.status, type: answer.headers.get('content-type'), text: await answer.text() };
  };

  it('describes itself, in a document and on a page that needs nothing from elsewhere', async () => {
    const document = JSON.parse((await ask('GET', '/openapi.json')).text);
    expect(document.openapi).toBe('3.1.0');
    const operations = Object.values(document.paths).flatMap((path) => Object.values(path as object));
    expect(operations).toHaveLength(Object.keys(endpoints).length);
    const page = await ask('GET', '/');
    expect([page.status, page.type]).toEqual([200, 'text/html; charset=utf-8']);
    expect(page.text).not.toMatch(/https?:\/\//);
  });

  it('takes names as they are and escaped', async () => {
    for (const name of ['reg.example.com/team/base:1', 'reg.example.com%2Fteam%2Fbase:1']) {
      const { status, text } = await ask('GET', `/images/${name}/history`);
      expect([status, JSON.parse(text)]).toEqual([200, { steps: expect.any(Array) }]);
    }
  });

  it('gives no header of the Engine API', async () => {
    const answer = await fetch(`${catalog.url}${basePath}/openapi.json`);
    expect([answer.headers.get('api-version'), answer.headers.get('ostype')]).toEqual([null, null]);
  });

  it.each<[string, string, string | undefined, number, string, string]>([
    ['GET', '/nosuch', undefined, 404, 'NO_SUCH_RESOURCE', 'there is nothing at this address'],
    ['GET', '', undefined, 200, '', ''],
    ['PUT', '/openapi.json', undefined, 404, 'NO_SUCH_RESOURCE', 'there is nothing at this address'],
    ['GET', '/images/%zz/history', undefined, 400, 'INVALID_REQUEST', 'is not a valid url component'],
    ['GET', '/images/nope:1/history', undefined, 404, 'IMAGE_NOT_FOUND', 'no image nope:1'],
    ['GET', '/images/Bad:Ref:X/history', undefined, 400, 'INVALID_REFERENCE', ''],
    ['GET', '/images/nope/history?plattform=x', undefined, 400, 'INVALID_REQUEST', 'query plattform: is not known'],
    ['GET', '/images/nope/history?platform=a&platform=b', undefined, 400, 'INVALID_REQUEST', 'query platform: '],
    ['GET', '/images/a%00b/history', undefined, 400, 'INVALID_REQUEST', 'path name: expected no NUL character'],
    ['POST', '/images/nope/tags', undefined, 400, 'INVALID_REQUEST', 'body: '],
    ['POST', '/images/nope/tags', '{', 400, 'INVALID_REQUEST', 'the body is not JSON'],
    ['POST', '/images/nope/tags', '{"nam":"x"}', 400, 'INVALID_REQUEST', 'body name: '],
    ['POST', '/images/nope/tags', '{"name":"x:1"}', 404, 'IMAGE_NOT_FOUND', 'no image nope:latest'],
    ['POST', '/images/nope/tags', `{"name":"${'x'.repeat(1_100_000)}"}`, 413, 'BODY_TOO_LARGE', 'larger than 1048576'],
  ])('%s %s %s → %i %s', async (method, path, body, status, code, detail) => {
    const answer = await ask(method, path, body);
    expect(answer.status).toBe(status);
    if (status === 200) return;
    expect(answer.type).toBe('application/problem+json');
    const problem = JSON.parse(answer.text);
    expect(problem).toMatchObject({ status, code, detail: expect.stringContaining(detail), retryable: false });
    expect(problem.type).toBe(`urn:entrepot:problem:${code.toLowerCase().replaceAll('_', '-')}`);
  });

  it('takes no body of another type', async () => {
    const answer = await ask('POST', '/images/nope/tags', 'name=x', 'application/x-www-form-urlencoded');
    expect([answer.status, JSON.parse(answer.text).code]).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
  });

  it('gives a name', async () => {
    const { status, text } = await ask('POST', `/images/${image.id}/tags`, '{"name":"team/new"}');
    expect([status, JSON.parse(text)]).toEqual([201, { name: 'team/new:latest' }]);
    expect((await ask('GET', '/images/team/new/history')).status).toBe(200);
  });
});

describe('the handlers', () => {
  it('are complete', () => {
    expect(() => checkHandlers(platformControllers)).not.toThrow();
  });

  it('fail the start when one is missing, double, or of no endpoint', () => {
    const { getImageHistory, tagImage } = endpoints;
    expect(() => checkHandlers([], { tagImage })).toThrow('tagImage has no handler');
    expect(() => checkHandlers([PlatformImagesController, PlatformImagesController], { tagImage })).toThrow(
      'tagImage has 2 handlers',
    );
    expect(() => checkHandlers([PlatformImagesController], { getImageHistory })).toThrow('is not in the catalogue');
  });
});
