import { buildImage, startUpstream, type UpstreamOptions, type UpstreamRegistry } from '@entrepot/testing';
import { RegistryClient } from './registry-client.js';
import type { Credential, Upstream } from './upstream.js';

const user: Credential = { username: 'user', password: 'secret' };

describe('access to a registry', () => {
  let upstream: UpstreamRegistry;
  let client: RegistryClient;
  const start = async (options: UpstreamOptions, configured: Partial<Upstream> = {}) => {
    upstream = await startUpstream(options);
    client = new RegistryClient({ upstreams: [{ host: upstream.host, ...configured }] });
    upstream.putImage('team/app', await buildImage(), '1');
  };
  const get = (credential?: Credential, repository = 'team/app') =>
    client.getManifest(`${upstream.host}/${repository}`, '1', { credential });
  const tokensAsked = () => upstream.requests.filter(({ kind }) => kind === 'token');
  afterEach(async () => {
    await client.close();
    await upstream.close();
  });

  it('gets a token with the scope and service of the challenge, once for all that comes after', async () => {
    await start({ auth: 'bearer' });
    await get(user);
    await get(user);
    const [asked, ...more] = tokensAsked();
    const query = new URL(asked?.url ?? '', upstream.tokenUrl).searchParams;
    expect([query.get('service'), query.get('scope')]).toEqual(['upstream', 'repository:team/app:pull']);
    expect(asked?.headers.authorization).toBe(`Basic ${Buffer.from('user:secret').toString('base64')}`);
    expect(more).toEqual([]);
    expect(upstream.requests.filter(({ status }) => status === 401)).toHaveLength(1);
  });

  it('asks for one token however many requests wait for it', async () => {
    await start({ auth: 'bearer' });
    await Promise.all(Array.from({ length: 8 }, () => get(user)));
    expect(tokensAsked()).toHaveLength(1);
  });

  it('gets another token for another repository and for another user', async () => {
    await start({ auth: 'bearer', anonymousPull: true });
    upstream.putImage('team/web', await buildImage(), '1');
    await get(user);
    await get(user, 'team/web');
    await get(undefined);
    expect(tokensAsked().map(({ url }) => new URL(url, upstream.url).searchParams.get('scope'))).toEqual([
      'repository:team/app:pull',
      'repository:team/web:pull',
      'repository:team/app:pull',
    ]);
  });

  it('asks again when a token is refused before its time, and when its time is over', async () => {
    await start({ auth: 'bearer' });
    await get(user);
    upstream.expireTokens();
    await get(user);
    expect(tokensAsked()).toHaveLength(2);
  });

  it('exchanges an identity token by POST', async () => {
    await start({ auth: 'bearer' });
    await get({ identityToken: 'identity' });
    expect(tokensAsked().map(({ method, url }) => `${method} ${url}`)).toEqual(['POST /token']);
    await expect(get({ identityToken: 'stolen' })).rejects.toMatchObject({ code: 'REGISTRY_UNAUTHORIZED' });
  });

  it('shows a registry token as it is', async () => {
    await start({ auth: 'bearer' });
    await expect(get({ registryToken: 'made-elsewhere' })).rejects.toMatchObject({ code: 'REGISTRY_UNAUTHORIZED' });
    expect(upstream.requests[0]?.headers.authorization).toBe('Bearer made-elsewhere');
  });

  it('authenticates by Basic only when asked to, and then without asking again', async () => {
    await start({ auth: 'basic' }, { credential: user });
    await get();
    await get();
    const shown = upstream.requests.map(({ headers, status }) => [headers.authorization !== undefined, status]);
    expect(shown).toEqual([
      [false, 401],
      [true, 200],
      [true, 200],
    ]);
  });

  it.each(['basic', 'bearer'] as const)('refuses wrong credentials for good (%s)', async (auth) => {
    await start({ auth });
    const wrong: Credential = { username: 'user', password: 'wrong' };
    await expect(get(wrong)).rejects.toMatchObject({ code: 'REGISTRY_UNAUTHORIZED', retryable: false });
    expect(upstream.requests.length).toBeLessThanOrEqual(3);
  });

  it('says what dockerd says when there are no credentials', async () => {
    await start({ auth: 'basic' });
    await expect(get()).rejects.toMatchObject({
      code: 'REGISTRY_UNAUTHORIZED',
      dockerMessage: `Head "${upstream.url}/v2/": no basic auth credentials`,
    });
  });

  it('takes a token without rights for a denial', async () => {
    await start({ auth: 'bearer' });
    await expect(get()).rejects.toMatchObject({ code: 'REGISTRY_DENIED' });
  });

  it.each([
    'http://198.51.100.7/token',
    'http://169.254.169.254/latest/meta-data',
    'https://user:secret@127.0.0.1/token',
    'ftp://127.0.0.1/token',
    'no address at all:',
  ])('does not ask the realm %s', async (realm) => {
    await start({ auth: 'bearer', realm });
    await expect(get(user)).rejects.toMatchObject({ code: 'REGISTRY_PROTOCOL', retryable: false });
    expect(tokensAsked()).toEqual([]);
  });

  it('does not follow a realm that redirects', async () => {
    await start({ auth: 'bearer' });
    upstream.faults.add({ on: 'token' }, { status: 307, headers: { location: `${upstream.url}/elsewhere` } });
    await expect(get(user)).rejects.toMatchObject({ code: 'REGISTRY_PROTOCOL' });
    expect(upstream.requests.some(({ url }) => url.includes('elsewhere'))).toBe(false);
  });

  it.each([
    ['no JSON', 'hello'],
    ['no token', {}],
    ['a token that would break a header', { token: 'a\r\nx: y' }],
    ['a token of another type', { token: 7 }],
  ])('refuses %s from the token endpoint', async (_, body) => {
    await start({ auth: 'bearer' });
    upstream.faults.add({ on: 'token' }, { status: 200, body });
    await expect(get(user)).rejects.toMatchObject({ code: 'REGISTRY_PROTOCOL' });
  });

  it('takes an access_token as well', async () => {
    await start({ auth: 'bearer' });
    upstream.faults.add({ on: 'token' }, { status: 200, body: { access_token: 'unknown-to-the-registry' } });
    await expect(get(user)).rejects.toMatchObject({ code: 'REGISTRY_UNAUTHORIZED' });
    expect(upstream.requests.at(-1)?.headers.authorization).toBe('Bearer unknown-to-the-registry');
  });

  it('waits as the token endpoint says', async () => {
    await start({ auth: 'bearer' });
    upstream.faults.add({ on: 'token' }, { status: 429, headers: { 'retry-after': '90' } });
    await expect(get(user)).rejects.toMatchObject({ code: 'REGISTRY_LIMITED', retryable: true });
  });

  it('checks a login by a ping', async () => {
    await start({ auth: 'bearer' });
    await client.checkLogin(upstream.host, user);
    await expect(client.checkLogin(upstream.host, { username: 'user', password: 'no' })).rejects.toMatchObject({
      code: 'REGISTRY_UNAUTHORIZED',
      dockerStatus: 401,
    });
  });
});
