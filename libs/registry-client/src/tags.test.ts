import { buildImage, startUpstream, type UpstreamOptions, type UpstreamRegistry } from '@entrepot/testing';
import { RegistryClient } from './registry-client.js';

describe('a list of tags', () => {
  let upstream: UpstreamRegistry;
  let client: RegistryClient;
  const start = async (options: UpstreamOptions = {}) => {
    upstream = await startUpstream(options);
    client = new RegistryClient({ retry: { requests: { firstDelayMs: 1, maxDelayMs: 2 } } });
    upstream.putImage('team/app', await buildImage(), 'a', 'b', 'c', 'd', 'e');
  };
  const list = async () => {
    const pages: string[][] = [];
    for await (const page of client.listTags(`${upstream.host}/team/app`, {})) pages.push(page);
    return pages;
  };
  const link = (target: string) => ({ headers: { link: `<${target}>; rel="next"` } });
  afterEach(async () => {
    await client.close();
    await upstream.close();
  });

  it('comes page by page', async () => {
    await start({ tagPageSize: 2 });
    expect(await list()).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
  });

  it('follows absolute and relative links', async () => {
    await start();
    upstream.faults.add({ on: 'tags', times: 1 }, link(`${upstream.url}/v2/team/app/tags/list?last=b`));
    upstream.faults.add({ on: 'tags', times: 1, skip: 1 }, link('list?last=d'));
    expect(await list()).toEqual([['a', 'b', 'c', 'd', 'e'], ['c', 'd', 'e'], ['e']]);
  });

  it.each([
    ['leads elsewhere', 'http://192.0.2.1/v2/team/app/tags/list?last=b'],
    ['goes in circles', '/v2/team/app/tags/list?last=b'],
  ])('ends with an error when a link %s', async (_, target) => {
    await start();
    upstream.faults.add({ on: 'tags' }, link(target));
    await expect(list()).rejects.toMatchObject({ code: 'REGISTRY_PROTOCOL' });
    expect(upstream.requests.length).toBeLessThanOrEqual(2);
  });

  it('ends without a further page when a link is none, or is about something else', async () => {
    await start();
    upstream.faults.add({ on: 'tags', times: 1 }, { headers: { link: '</help>; rel="help"' } });
    upstream.faults.add({ on: 'tags', times: 1, skip: 1 }, { headers: { link: 'nonsense' } });
    expect(await list()).toHaveLength(1);
    expect(await list()).toHaveLength(1);
  });

  it('leaves out names that are no tags', async () => {
    await start();
    upstream.faults.add({ on: 'tags' }, { status: 200, body: { tags: ['ok', '../x', '', 'a b'] } });
    expect(await list()).toEqual([['ok']]);
  });

  it.each([
    ['no list', 'hello'],
    ['tags of another type', { tags: [1] }],
  ])('refuses %s', async (_, body) => {
    await start();
    upstream.faults.add({ on: 'tags' }, { status: 200, body });
    await expect(list()).rejects.toMatchObject({ code: 'REGISTRY_PROTOCOL' });
  });

  it('is empty where a registry says null, and unknown where there is no repository', async () => {
    await start();
    upstream.faults.add({ on: 'tags', times: 1 }, { status: 200, body: { tags: null } });
    expect(await list()).toEqual([[]]);
    const nothing = async () => {
      for await (const _ of client.listTags(`${upstream.host}/team/none`, {})) return;
    };
    await expect(nothing()).rejects.toMatchObject({ code: 'NAME_UNKNOWN' });
  });

  it('refuses a page that does not end', async () => {
    await start();
    upstream.faults.add({ on: 'tags' }, { status: 200, body: `{"tags":["${'x'.repeat(5_000_000)}"]}` });
    await expect(list()).rejects.toMatchObject({ code: 'CONTENT_TOO_LARGE' });
  });
});
