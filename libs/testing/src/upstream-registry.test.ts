import { digestOf } from '@entrepot/oci';
import { buildImage, startUpstream, type UpstreamOptions, type UpstreamRegistry } from './index.js';

describe('an upstream registry', () => {
  let upstream: UpstreamRegistry;
  const start = async (options?: UpstreamOptions) => {
    upstream = await startUpstream(options);
    return upstream;
  };
  const get = (path: string, headers: Record<string, string> = {}) => fetch(`${upstream.url}/v2/${path}`, { headers });
  afterEach(() => upstream.close());

  it('serves an image by tag and by digest, and its blobs by range', async () => {
    await start();
    const image = await buildImage();
    const digest = upstream.putImage('team/app', image, '1');
    const byTag = await get('team/app/manifests/1');
    expect(byTag.headers.get('docker-content-digest')).toBe(digest);
    expect(Buffer.from(await byTag.arrayBuffer())).toEqual(image.bytes);
    expect((await get(`team/app/manifests/${digest}`)).status).toBe(200);
    const part = await get(`team/app/blobs/${image.config.digest}`, { range: 'bytes=5-9' });
    expect(part.status).toBe(206);
    expect(await part.text()).toBe(image.config.bytes.toString().slice(5, 10));
    expect((await get(`team/app/blobs/${image.config.digest}`, { range: 'bytes=999999-' })).status).toBe(416);
    expect(upstream.requested('manifest')).toHaveLength(2);
  });

  it('answers 404 in the words of a registry', async () => {
    await start();
    const answer = await get('team/app/manifests/1');
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({ errors: [{ code: 'MANIFEST_UNKNOWN' }] });
    expect((await get('team/app/tags/list')).status).toBe(404);
  });

  it('pages its tags by links', async () => {
    await start({ tagPageSize: 2 });
    upstream.putImage('team/app', await buildImage(), 'a', 'b', 'c');
    const first = await get('team/app/tags/list');
    expect(await first.json()).toMatchObject({ tags: ['a', 'b'] });
    expect(first.headers.get('link')).toBe('</v2/team/app/tags/list?n=2&last=b>; rel="next"');
    const second = await get('team/app/tags/list?n=2&last=b');
    expect(await second.json()).toMatchObject({ tags: ['c'] });
    expect(second.headers.get('link')).toBeNull();
  });

  it('redirects blobs to a storage that wants a signature and no Authorization', async () => {
    await start({ redirectBlobs: true });
    const digest = upstream.putBlob('team/app', Buffer.from('layer'));
    expect(await (await get(`team/app/blobs/${digest}`)).text()).toBe('layer');
    const [signed] = upstream.requests.filter(({ kind }) => kind === 'storage');
    const address = `${upstream.storageUrl}${signed?.url}`;
    expect((await fetch(address, { headers: { authorization: 'Bearer x' } })).status).toBe(400);
    upstream.expireSignatures();
    expect((await fetch(address)).status).toBe(403);
  });

  it('gives tokens to those who know the password, and forgets them when told', async () => {
    await start({ auth: 'bearer' });
    upstream.putImage('team/app', await buildImage(), '1');
    const refused = await get('team/app/manifests/1');
    const scope = 'repository:team/app:pull';
    expect(refused.headers.get('www-authenticate')).toBe(
      `Bearer realm="${upstream.tokenUrl}",service="upstream",scope="${scope}"`,
    );
    const asked = `${upstream.tokenUrl}?service=upstream&scope=${scope}`;
    const basic = { authorization: `Basic ${btoa('user:secret')}` };
    const { token } = (await (await fetch(asked, { headers: basic })).json()) as { token: string };
    expect((await get('team/app/manifests/1', { authorization: `Bearer ${token}` })).status).toBe(200);
    upstream.expireTokens();
    expect((await get('team/app/manifests/1', { authorization: `Bearer ${token}` })).status).toBe(401);
    const wrong = { authorization: `Basic ${btoa('user:wrong')}` };
    expect((await fetch(asked, { headers: wrong })).status).toBe(401);
  });

  it('gives the anonymous a token without rights unless told otherwise', async () => {
    await start({ auth: 'bearer', anonymousPull: (repository) => repository === 'library/open' });
    upstream.putImage('library/open', await buildImage(), '1');
    const use = async (repository: string) => {
      const answer = await fetch(`${upstream.tokenUrl}?scope=repository:${repository}:pull`);
      const { token } = (await answer.json()) as { token: string };
      return get(`${repository}/manifests/1`, { authorization: `Bearer ${token}` });
    };
    expect((await use('library/open')).status).toBe(200);
    const refused = await use('library/closed');
    expect(refused.headers.get('www-authenticate')).toContain('error="insufficient_scope"');
  });

  describe('with faults', () => {
    const content = Buffer.from('0123456789');
    const digest = digestOf(content);
    const blob = () => get(`team/app/blobs/${digest}`);
    beforeEach(async () => {
      await start();
      upstream.putBlob('team/app', content);
    });

    it('hits only what fits, only so often, and can be taken back', async () => {
      upstream.faults.add({ on: 'blob', reference: digest, skip: 1, times: 1 }, { status: 503 });
      const takeBack = upstream.faults.add({ on: 'manifest' }, { status: 500 });
      const statuses = [await blob(), await blob(), await blob(), await get('team/app/manifests/1')];
      expect(statuses.map(({ status }) => status)).toEqual([200, 503, 200, 500]);
      takeBack();
      expect((await get('team/app/manifests/1')).status).toBe(404);
    });

    it('says 429 with Retry-After', async () => {
      upstream.faults.add({}, { status: 429, headers: { 'retry-after': '7' } });
      const answer = await blob();
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '7']);
      expect(await answer.json()).toMatchObject({ errors: [{ code: 'TOOMANYREQUESTS' }] });
    });

    it('sends wrong and short bodies', async () => {
      upstream.faults.add({}, { wrongBytes: true });
      const wrong = Buffer.from(await (await blob()).arrayBuffer());
      expect([wrong.length, wrong.equals(content)]).toEqual([10, false]);
      upstream.faults.add({}, { shortByBytes: 4 });
      expect(await (await blob()).text()).toBe('012345');
    });

    it('cuts a body after the bytes that were asked for', async () => {
      upstream.faults.add({}, { cutAfterBytes: 4 });
      const reader = (await blob()).body?.getReader();
      expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('0123');
      await expect(reader?.read()).rejects.toThrow();
    });

    it('stalls, dribbles and never ends', async () => {
      upstream.faults.add({}, { stallAfterBytes: 4 });
      const stalled = await fetch(`${upstream.url}/v2/team/app/blobs/${digest}`, { signal: AbortSignal.timeout(200) });
      await expect(stalled.text()).rejects.toThrow('timeout');
      upstream.faults.add({}, { bytesPerSecond: 100 });
      const began = Date.now();
      expect(await (await blob()).text()).toBe('0123456789');
      expect(Date.now() - began).toBeGreaterThan(80);
      upstream.faults.add({}, { endless: true });
      const reader = (await blob()).body?.getReader();
      let received = 0;
      while (received < 1_000_000) received += (await reader?.read())?.value?.length ?? Number.NaN;
      expect(received).toBeGreaterThan(content.length);
      await reader?.cancel();
    });

    it('ignores ranges and lies in headers', async () => {
      upstream.faults.add({}, { ignoreRange: true, headers: { 'docker-content-digest': null, 'content-type': 'x/y' } });
      const answer = await get(`team/app/blobs/${digest}`, { range: 'bytes=4-' });
      expect(answer.status).toBe(200);
      expect(answer.headers.get('docker-content-digest')).toBeNull();
      expect(answer.headers.get('content-type')).toBe('x/y');
    });
  });
});
