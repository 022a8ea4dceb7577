import { digestOf } from '@entrepot/oci';
import { startUpstream, type UpstreamOptions, type UpstreamRegistry } from '@entrepot/testing';
import { RegistryClient } from './registry-client.js';

const content = Buffer.alloc(100_000, 'layer');
const descriptor = { mediaType: 'application/octet-stream', digest: digestOf(content), sizeBytes: content.length };
const credential = { username: 'user', password: 'secret' };

describe('a redirect', () => {
  let upstream: UpstreamRegistry;
  let client: RegistryClient;
  const start = async (options: UpstreamOptions) => {
    upstream = await startUpstream(options);
    client = new RegistryClient({ retry: { bodies: { attempts: 3, firstDelayMs: 1, maxDelayMs: 2 } } });
    upstream.putBlob('team/app', content);
  };
  const download = () => client.getBlob(`${upstream.host}/team/app`, descriptor, { credential });
  const to = (location: string) => ({ status: 307, headers: { location } });
  afterEach(async () => {
    await client.close();
    await upstream.close();
  });

  it.each(['basic', 'bearer'] as const)('is followed to another address without the credential (%s)', async (auth) => {
    await start({ auth, redirectBlobs: true });
    expect((await download()).equals(content)).toBe(true);
    const [stored] = upstream.requests.filter(({ kind }) => kind === 'storage');
    expect(stored?.headers.authorization).toBeUndefined();
  });

  it('keeps the range', async () => {
    await start({ redirectBlobs: true });
    upstream.faults.add({ on: 'storage', times: 1 }, { cutAfterBytes: 60_000 });
    expect((await download()).equals(content)).toBe(true);
    const ranges = upstream.requests.filter(({ kind }) => kind === 'storage').map(({ headers }) => headers.range);
    expect(ranges).toEqual([undefined, 'bytes=60000-']);
  });

  it('is asked for anew when its signature has run out', async () => {
    await start({ redirectBlobs: true });
    upstream.faults.add({ on: 'storage', times: 1 }, { status: 403 });
    expect((await download()).equals(content)).toBe(true);
    expect(upstream.requested('blob')).toHaveLength(2);
  });

  it.each([
    'http://192.0.2.7/x',
    'http://169.254.169.254/latest',
    'http://user:password@127.0.0.1/x',
    'file:///etc/passwd',
    'http://[::ffff:169.254.1.1]/x',
  ])('to %s is not followed', async (location) => {
    await start({});
    upstream.faults.add({ on: 'blob' }, to(location));
    await expect(download()).rejects.toMatchObject({ code: 'REGISTRY_PROTOCOL', retryable: false });
    expect(upstream.requests).toHaveLength(1);
  });

  it('may be relative', async () => {
    await start({});
    upstream.faults.add({ on: 'blob', times: 1 }, to(`/v2/team/app/blobs/${descriptor.digest}`));
    expect((await download()).equals(content)).toBe(true);
  });

  it('is followed a few times only', async () => {
    await start({});
    upstream.faults.add({ on: 'blob' }, to(`/v2/team/app/blobs/${descriptor.digest}`));
    await expect(download()).rejects.toMatchObject({ code: 'REGISTRY_PROTOCOL' });
    expect(upstream.requests.length).toBeLessThan(10);
  });

  it('to a host that names an address out of reach is refused when it is looked up', async () => {
    await start({});
    upstream.faults.add({ on: 'blob' }, to('http://nowhere.invalid/x'));
    await expect(download()).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
  });
});
