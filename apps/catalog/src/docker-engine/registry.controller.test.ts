import {
  buildImage,
  buildIndex,
  createTestDatabase,
  startUpstream,
  type TestDatabase,
  type UpstreamRegistry,
} from '@entrepot/testing';
import { type CatalogFixture, startCatalog } from '../catalog-fixture.js';

describe('questions to a registry', () => {
  let source: TestDatabase;
  let catalog: CatalogFixture;
  let upstream: UpstreamRegistry;

  beforeAll(async () => {
    source = await createTestDatabase();
    [catalog, upstream] = await Promise.all([startCatalog(source.url), startUpstream({ auth: 'basic' })]);
  });

  afterAll(async () => {
    await Promise.all([catalog.close(), upstream.close()]);
    await source.drop();
  });

  const login = async (serveraddress: string, password: string): Promise<[status: number, body: unknown]> => {
    const answer = await fetch(`${catalog.url}/v1.50/auth`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username: 'user', password, serveraddress }),
    });
    return [answer.status, await answer.json()];
  };

  it('lets in whom the registry lets in, and says why not', async () => {
    expect(await login(upstream.host, 'secret')).toEqual([200, { IdentityToken: '', Status: 'Login Succeeded' }]);
    const message = `login attempt to ${upstream.url}/v2/ failed with status: 401 Unauthorized`;
    expect(await login(upstream.host, 'wrong')).toEqual([500, { message }]);
    const refused = 'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused';
    expect(await login('127.0.0.1:1', 'x')).toEqual([500, { message: refused }]);
  });

  it('describes what a name stands for there', async () => {
    const images = [await buildImage(), await buildImage({ platform: 'linux/arm/v7' })];
    const index = buildIndex({ images });
    upstream.putImage('demo/multi', index, '1');
    upstream.putImage('demo/multi', images[1] as (typeof images)[1], 'arm');
    const auth = Buffer.from(JSON.stringify({ username: 'user', password: 'secret' })).toString('base64url');
    const describe = async (name: string): Promise<unknown> => {
      const url = `${catalog.url}/v1.50/distribution/${upstream.host}/${name}/json`;
      return (await fetch(url, { headers: { 'x-registry-auth': auth } })).json();
    };
    const platforms = [
      { architecture: 'amd64', os: 'linux' },
      { architecture: 'arm', os: 'linux', variant: 'v7' },
    ];
    expect(await describe('demo/multi:1')).toEqual({
      Descriptor: { mediaType: index.mediaType, digest: index.digest, size: index.bytes.length },
      Platforms: platforms,
    });
    expect(await describe('demo/multi:arm')).toMatchObject({ Platforms: platforms.slice(1) });
    expect(await describe('demo/multi:nope')).toEqual({ message: expect.stringContaining('not found') });
  });

  it.each([
    ['{bad', 'application/json', /^invalid JSON: /],
    ['[]', 'application/json', /^invalid JSON: /],
    ['a=b', 'application/x-www-form-urlencoded', /^unsupported Content-Type header .*: must be 'application\/json'$/],
    ['{}', 'application/json', /^login needs /],
  ])('refuses to log in with %s', async (body, type, message) => {
    const answer = await fetch(`${catalog.url}/auth`, { method: 'POST', headers: { 'content-type': type }, body });
    expect([answer.status, await answer.json()]).toEqual([400, { message: expect.stringMatching(message) }]);
  });
});
