import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { startUpstream, type UpstreamRegistry } from '@entrepot/testing';
import { ContentTooLargeError, RegistryClient, RegistryProtocolError, RegistryUnreachableError } from '../index.js';

type Answer = { status?: number; body: unknown; headers?: Record<string, string>; delayMs?: number };

describe('the search of a registry', () => {
  let upstream: UpstreamRegistry;
  let client: RegistryClient;
  /** What is answered to a path and query; null leaves it to the registry. */
  let answer: (url: URL, request: IncomingMessage) => Answer | null;
  const asked: string[] = [];

  beforeAll(async () => {
    const intercept = (request: IncomingMessage, response: ServerResponse): boolean => {
      const url = new URL(request.url ?? '/', 'http://registry');
      const found = answer(url, request);
      if (found === null) return false;
      asked.push(request.url ?? '');
      const body = typeof found.body === 'string' ? found.body : JSON.stringify(found.body);
      void sleep(found.delayMs ?? 0).then(() => response.writeHead(found.status ?? 200, found.headers).end(body));
      return true;
    };
    upstream = await startUpstream({ intercept });
  });

  afterAll(() => upstream.close());

  beforeEach(() => {
    asked.length = 0;
    client = new RegistryClient();
  });
  afterEach(() => client.close());

  const names = async (term = 'app', limit = 25): Promise<string[]> =>
    (await client.search(upstream.host, { term, limit })).hits.map(({ repository }) =>
      repository.replace(`${upstream.host}/`, ''),
    );

  it('is that of the first API for Docker Hub, whose own images have no library/ there', async () => {
    client.setUpstreams([{ host: 'docker.io', endpoint: upstream.url }]);
    const official = { name: 'redis', description: 'A\nstore\u001b[2J', star_count: 12, is_official: true };
    answer = () => ({
      body: { results: [official, { name: 'bitnami/redis', is_automated: true }, { name: 'Not valid' }] },
    });
    const { hits } = await client.search('docker.io', { term: 'library/redis', limit: 25 });
    expect(asked).toEqual(['/v1/search?q=redis&n=25']);
    expect(hits).toEqual([
      {
        ...{ repository: 'docker.io/library/redis', description: 'A store [2J', stars: 12 },
        ...{ isOfficial: true, isAutomated: false },
      },
      { repository: 'docker.io/bitnami/redis', description: '', stars: 0, isOfficial: false, isAutomated: true },
    ]);
  });

  it('asks Harbor with the credential at once, since strangers see less there', async () => {
    const credential = { username: 'robot', password: 'secret' };
    client.setUpstreams([{ host: upstream.host, kind: 'harbor', credential }]);
    const seen: (string | undefined)[] = [];
    answer = (_, request) => {
      seen.push(request.headers.authorization);
      return { body: { repository: [{ repository_name: 'team/app', artifact_count: 3 }], project: [] } };
    };
    expect(await names()).toEqual(['team/app']);
    expect(asked).toEqual(['/api/v2.0/search?q=app']);
    expect(seen).toEqual([`Basic ${Buffer.from('robot:secret').toString('base64')}`]);
  });

  it('reads as many pages of Quay as are needed, ten at most', async () => {
    client.setUpstreams([{ host: upstream.host, kind: 'quay' }]);
    answer = (url) => {
      const page = Number(url.searchParams.get('page'));
      const results = Array.from({ length: 10 }, (_, i) => ({ namespace: { name: 'team' }, name: `app${page}-${i}` }));
      return { body: { results, has_additional: true } };
    };
    expect(await names('app', 25)).toHaveLength(25);
    expect(asked).toHaveLength(3);
    expect(await names('app', 100)).toHaveLength(100);
    expect(asked).toHaveLength(13);
  });

  it('asks zot by GraphQL, whatever the term holds, and says what zot says', async () => {
    client.setUpstreams([{ host: upstream.host, kind: 'zot' }]);
    answer = (url) => {
      expect(url.searchParams.get('query')).toContain('GlobalSearch(query: "a\\"b", requestedPage: { limit: 3 })');
      return {
        body: { data: { GlobalSearch: { Repos: [{ Name: 'x/y', StarCount: 2, NewestImage: { Description: 'd' } }] } } },
      };
    };
    const { hits } = await client.search(upstream.host, { term: 'a"b', limit: 3 });
    expect(hits).toMatchObject([{ repository: `${upstream.host}/x/y`, stars: 2, description: 'd' }]);
    answer = () => ({ body: { data: null, errors: [{ message: 'search is off' }] } });
    await expect(names()).rejects.toThrow('search is off');
  });

  it('looks through the names of a plain registry, page by page, the best first', async () => {
    const all = ['a/zapper', 'b/app-server', 'c/app', 'app', 'other'];
    answer = (url) => {
      if (url.pathname !== '/v2/_catalog') return null;
      const from = Number(url.searchParams.get('last') ?? 0);
      const link = `</v2/_catalog?last=${from + 2}>; rel="next"`;
      const headers: Record<string, string> = from + 2 < all.length ? { link } : {};
      return { body: { repositories: all.slice(from, from + 2) }, headers };
    };
    client.setUpstreams([{ host: upstream.host, kind: 'distribution' }]);
    expect(await names('app')).toEqual(['app', 'c/app', 'b/app-server', 'a/zapper']);
    expect(await names('app', 2)).toEqual(['app', 'c/app']);
  });

  it('asks a registry that has the old search for that', async () => {
    answer = (url) => (url.pathname === '/v1/search' ? { body: { results: [{ name: 'old/app' }] } } : null);
    expect(await names()).toEqual(['old/app']);
  });

  it('stops in a list of repositories that does not end, or goes in circles', async () => {
    let page = 0;
    answer = (url) => {
      if (url.pathname !== '/v2/_catalog') return null;
      page += 1;
      return { body: { repositories: [`app${page}`] }, headers: { link: `</v2/_catalog?last=${page}>; rel="next"` } };
    };
    const endless = await client.search(upstream.host, { term: 'app', limit: 25 });
    expect([endless.isPartial, endless.hits.length]).toEqual([true, 20]);
    const circle = { link: '</v2/_catalog?last=1>; rel="next"' };
    answer = (url) => (url.pathname === '/v2/_catalog' ? { body: { repositories: [] }, headers: circle } : null);
    await expect(names()).rejects.toThrow('goes in circles');
    const elsewhere = { link: '<http://127.0.0.1:1/v2/_catalog>; rel="next"' };
    answer = (url) => (url.pathname === '/v2/_catalog' ? { body: { repositories: [] }, headers: elsewhere } : null);
    await expect(names()).rejects.toThrow('goes on elsewhere');
  });

  it('refuses 10 MB of results, nonsense and faults by name', async () => {
    client.setUpstreams([{ host: 'docker.io', endpoint: upstream.url }]);
    const search = () => client.search('docker.io', { term: 'app', limit: 25 });
    answer = () => ({ body: `{"results":[${'{"name":"x"},'.repeat(800_000)}{"name":"y"}]}` });
    await expect(search()).rejects.toThrow(ContentTooLargeError);
    await expect(search()).rejects.toThrow('the answer to a search from docker.io is larger than 2097152 bytes');
    answer = () => ({ body: '<html>' });
    await expect(search()).rejects.toThrow(RegistryProtocolError);
    answer = () => ({ status: 500, body: '' });
    await expect(search()).rejects.toMatchObject({ dockerMessage: 'Unexpected status code 500', retryable: true });
    answer = () => ({ status: 401, body: '' });
    await expect(search()).rejects.toMatchObject({ code: 'REGISTRY_UNAUTHORIZED', host: 'docker.io' });
  });

  it('waits for a slow registry no longer than its time-out', async () => {
    answer = () => ({ body: { results: [] }, delayMs: 1_000 });
    const slow = client.search(upstream.host, { term: 'app', limit: 25, timeoutMs: 100 });
    await expect(slow).rejects.toThrow(RegistryUnreachableError);
    await expect(slow).rejects.toThrow('no answer to a search within 100 ms');
  });
});
