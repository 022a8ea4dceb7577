import { randomBytes } from 'node:crypto';
import { digestOf } from '@entrepot/oci';
import { makeCertificate, startUpstream, type UpstreamOptions, type UpstreamRegistry } from '@entrepot/testing';
import { RegistryClient } from './registry-client.js';
import { defaultEndpoint, isLoopbackHost, loginDomain, type Upstream } from './upstream.js';

const content = randomBytes(500_000);
const descriptor = { mediaType: '', digest: digestOf(content), sizeBytes: content.length };
const certificate = makeCertificate();

describe('the address of a registry', () => {
  const opened: { close(): Promise<void> }[] = [];
  const startRegistry = async (options: UpstreamOptions = {}) => {
    const upstream = await startUpstream(options);
    opened.push(upstream);
    upstream.putBlob('team/app', content);
    return upstream;
  };
  const get = async (upstream: UpstreamRegistry, configured: Partial<Upstream> = {}) => {
    const retry = { requests: { attempts: 1 }, bodies: { attempts: 1 } };
    const client = new RegistryClient({ upstreams: [{ host: upstream.host, ...configured }], retry });
    opened.push(client);
    const bytes = await client.getBlob(`${upstream.host}/team/app`, descriptor, {});
    return bytes.equals(content);
  };
  afterEach(async () => {
    for (const one of opened.splice(0).reverse()) await one.close();
  });

  it('on this machine is plain where no TLS is spoken', async () => {
    const upstream = await startRegistry();
    expect(await get(upstream)).toBe(true);
    expect(upstream.requests).toHaveLength(1);
  });

  it('on this machine is https where TLS is spoken, whoever signed the certificate', async () => {
    const upstream = await startRegistry({ certificate });
    expect(await get(upstream)).toBe(true);
    expect(upstream.requests.map(({ kind }) => kind)).toEqual(['ping', 'blob']);
  });

  it('with an https endpoint wants a certificate that is trusted', async () => {
    const upstream = await startRegistry({ certificate });
    await expect(get(upstream, { endpoint: upstream.url })).rejects.toMatchObject({
      code: 'REGISTRY_PROTOCOL',
      retryable: false,
      dockerMessage: expect.stringContaining('x509: certificate signed by unknown authority'),
    });
    expect(await get(upstream, { endpoint: upstream.url, ca: certificate.certificate })).toBe(true);
    expect(await get(upstream, { endpoint: upstream.url, insecure: true })).toBe(true);
  });

  it('with a certificate for another name is refused', async () => {
    const upstream = await startRegistry({ certificate });
    const endpoint = upstream.url.replace('127.0.0.1', '127.0.0.2');
    await expect(get(upstream, { endpoint, ca: certificate.certificate })).rejects.toMatchObject({
      code: expect.stringMatching(/^REGISTRY_(PROTOCOL|UNREACHABLE)$/),
    });
  });

  it('with an https endpoint is never asked in plain text', async () => {
    const upstream = await startRegistry();
    const endpoint = upstream.url.replace('http:', 'https:');
    await expect(get(upstream, { endpoint })).rejects.toMatchObject({ code: 'REGISTRY_PROTOCOL' });
    expect(upstream.requests).toEqual([]);
  });

  it.each([
    ['docker.io', 'https://registry-1.docker.io'],
    ['ghcr.io', 'https://ghcr.io'],
    ['registry.example:5000', 'https://registry.example:5000'],
  ])('of %s is %s', (host, endpoint) => {
    expect(defaultEndpoint(host)).toBe(endpoint);
  });

  it.each([
    ['localhost:5000', true],
    ['LOCALHOST', true],
    ['127.9.9.9:1', true],
    ['[::1]:5000', true],
    ['128.0.0.1', false],
    ['localhost.example.com', false],
  ])('%s is on this machine: %s', (host, expected) => {
    expect(isLoopbackHost(host)).toBe(expected);
  });

  it.each([
    ['https://index.docker.io/v1/', 'docker.io'],
    ['registry-1.docker.io', 'docker.io'],
    ['', 'docker.io'],
    ['ghcr.io', 'ghcr.io'],
    ['http://127.0.0.1:5000/v2/', '127.0.0.1:5000'],
  ])('of a login at %s is that of %s', (server, domain) => {
    expect(loginDomain(server)).toBe(domain);
  });
});
