import { randomBytes } from 'node:crypto';
import { type Digest, digestOf } from '@entrepot/oci';
import { startUpstream, type UpstreamOptions, type UpstreamRegistry } from '@entrepot/testing';
import { type DownloadOptions, RegistryClient } from './registry-client.js';

const content = randomBytes(300_000);
const digest = digestOf(content);
const soon = { firstDelayMs: 1, maxDelayMs: 2 };

describe('a download', () => {
  let upstream: UpstreamRegistry;
  let client: RegistryClient;
  let received: Buffer[];
  let retries: string[];
  const start = async (options: UpstreamOptions = {}) => {
    upstream = await startUpstream(options);
    client = new RegistryClient({ idleTimeoutMs: 300, retry: { requests: soon, bodies: soon } });
    upstream.putBlob('team/app', content);
    received = [];
    retries = [];
  };
  const descriptor = { mediaType: 'application/octet-stream', digest, sizeBytes: content.length };
  const download = (options: Partial<DownloadOptions> & { of?: Digest } = {}) =>
    client.downloadBlob(
      `${upstream.host}/team/app`,
      { ...descriptor, digest: options.of ?? digest },
      {
        onChunk: (chunk) => void received.push(Buffer.from(chunk)),
        onRetry: ({ reason }) => retries.push(reason),
        ...options,
      },
    );
  const bytes = () => Buffer.concat(received);
  const ranges = () => upstream.requests.filter(({ kind }) => kind === 'blob').map(({ headers }) => headers.range);
  afterEach(async () => {
    await client.close();
    await upstream.close();
  });

  it('gives the bytes in order', async () => {
    await start();
    await download();
    expect(bytes().equals(content)).toBe(true);
    expect(ranges()).toEqual([undefined]);
  });

  it('goes on at its offset after a broken connection, and says that it tries again', async () => {
    await start();
    upstream.faults.add({ on: 'blob', times: 1 }, { cutAfterBytes: 100_000 });
    await download();
    expect(bytes().equals(content)).toBe(true);
    expect(ranges()).toEqual([undefined, 'bytes=100000-']);
    expect(retries).toHaveLength(1);
  });

  it('begins where the caller left off', async () => {
    await start();
    await download({ fromByte: 250_000 });
    expect(bytes().equals(content.subarray(250_000))).toBe(true);
    await download({ fromByte: content.length });
    expect(ranges()).toEqual(['bytes=250000-']);
  });

  it('skips what a server that knows no ranges sends again', async () => {
    await start();
    upstream.faults.add({ on: 'blob', times: 1, skip: 1 }, { ignoreRange: true });
    upstream.faults.add({ on: 'blob', times: 1 }, { cutAfterBytes: 100_000 });
    await download();
    expect(bytes().equals(content)).toBe(true);
  });

  it('refuses a range that nobody asked for', async () => {
    await start();
    upstream.faults.add({ on: 'blob' }, { headers: { 'content-range': `bytes 9-${content.length - 1}/9` } });
    await expect(download({ fromByte: 5 })).rejects.toMatchObject({ code: 'CONTENT_MISMATCH' });
    expect(received).toEqual([]);
  });

  it('goes on as often as it makes progress, but gives up when nothing comes', async () => {
    await start();
    upstream.faults.add({ on: 'blob', times: 12 }, { cutAfterBytes: 20_000 });
    await download();
    expect(bytes().equals(content)).toBe(true);
    upstream.faults.add({ on: 'blob' }, { cutAfterBytes: 0 });
    await expect(download()).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE', retryable: true });
  });

  it('takes a silent connection for a broken one, before and within the body', async () => {
    await start();
    upstream.faults.add({ on: 'blob', times: 1 }, { stallAfterBytes: 50_000 });
    upstream.faults.add({ on: 'blob', times: 1, skip: 1 }, { neverAnswer: true });
    await download();
    expect(bytes().equals(content)).toBe(true);
    expect(retries).toHaveLength(2);
  });

  it('goes on after a body that ends early without a word', async () => {
    await start();
    upstream.faults.add({ on: 'blob', times: 1 }, { shortByBytes: 1_000 });
    await download();
    expect(bytes().equals(content)).toBe(true);
    expect(ranges()[1]).toBe(`bytes=${content.length - 1_000}-`);
  });

  it('cuts a body that does not end, and keeps no byte too many', async () => {
    await start();
    upstream.faults.add({ on: 'blob' }, { endless: true });
    await expect(download()).rejects.toMatchObject({ code: 'CONTENT_TOO_LARGE', retryable: false });
    expect(bytes().length).toBeLessThanOrEqual(content.length);
  });

  it('refuses a body that announces another length', async () => {
    await start();
    const other = upstream.putBlob('team/app', Buffer.from('short'));
    await expect(download({ of: other })).rejects.toMatchObject({ code: 'CONTENT_MISMATCH' });
    const longer = upstream.putBlob('team/app', Buffer.concat([content, content]));
    await expect(download({ of: longer })).rejects.toMatchObject({ code: 'CONTENT_TOO_LARGE' });
    expect(received).toEqual([]);
  });

  it('refuses an encoding nobody asked for', async () => {
    await start();
    upstream.faults.add({ on: 'blob' }, { headers: { 'content-encoding': 'gzip' } });
    await expect(download()).rejects.toMatchObject({ code: 'REGISTRY_PROTOCOL' });
    expect(upstream.requests[0]?.headers['accept-encoding']).toBe('identity');
  });

  it('gets a new token when the old one ends in the middle', async () => {
    await start({ auth: 'bearer', anonymousPull: true });
    upstream.faults.add({ on: 'blob', times: 1 }, { cutAfterBytes: 100_000 });
    await download({
      onChunk: (chunk) => {
        upstream.expireTokens();
        received.push(Buffer.from(chunk));
      },
    });
    expect(bytes().equals(content)).toBe(true);
    expect(upstream.requested('token')).toHaveLength(2);
  });

  it.each([
    ['429 with seconds', 429, '90'],
    ['503 with seconds', 503, '90'],
    ['429 with a date', 429, new Date(Date.now() + 90_500).toUTCString()],
  ])('says until when to wait after %s, and does not try before', async (_, status, retryAfter) => {
    await start();
    upstream.faults.add({ on: 'blob' }, { status, headers: { 'retry-after': retryAfter } });
    const waits: Date[] = [];
    const failed = await download({ onWait: ({ until }) => waits.push(until) }).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: 'REGISTRY_LIMITED', retryable: true, until: waits[0] });
    const waitMs = (waits[0]?.getTime() ?? 0) - Date.now();
    expect(waitMs).toBeGreaterThan(80_000);
    expect(waitMs).toBeLessThanOrEqual(91_000);
    expect(ranges()).toHaveLength(1);
  });

  it('tries again after a 503 that names no time', async () => {
    await start();
    upstream.faults.add({ on: 'blob', times: 2 }, { status: 503 });
    await download();
    expect(bytes().equals(content)).toBe(true);
    expect(retries).toHaveLength(2);
  });

  it('holds the socket while the taker is busy, and passes its error on', async () => {
    await start();
    let busy = 0;
    let most = 0;
    await download({
      onChunk: async (chunk) => {
        received.push(Buffer.from(chunk));
        most = Math.max(most, ++busy);
        await new Promise((resolve) => setTimeout(resolve, 2));
        busy -= 1;
      },
    });
    expect(most).toBe(1);
    expect(bytes().equals(content)).toBe(true);
    const full = new Error('disk full');
    await expect(download({ onChunk: () => Promise.reject(full) })).rejects.toBe(full);
  });

  it('stops at once when told to', async () => {
    await start();
    upstream.faults.add({ on: 'blob' }, { bytesPerSecond: 10_000 });
    const stopping = new AbortController();
    const running = download({ signal: stopping.signal });
    setTimeout(() => stopping.abort(new Error('enough')), 50);
    await expect(running).rejects.toThrow('enough');
  });

  it('checks the digest of what it gives as a whole', async () => {
    await start();
    const repository = `${upstream.host}/team/app`;
    expect((await client.getBlob(repository, descriptor, {})).equals(content)).toBe(true);
    upstream.faults.add({ on: 'blob' }, { wrongBytes: true });
    await expect(client.getBlob(repository, descriptor, {})).rejects.toMatchObject({ code: 'CONTENT_MISMATCH' });
    await expect(client.getBlob(repository, descriptor, {}, 1_000)).rejects.toMatchObject({
      code: 'CONTENT_TOO_LARGE',
    });
  });

  it('knows a blob that is not there', async () => {
    await start();
    upstream.deleteBlob('team/app', digest);
    await expect(download()).rejects.toMatchObject({ code: 'BLOB_UNKNOWN', retryable: false });
  });
});
