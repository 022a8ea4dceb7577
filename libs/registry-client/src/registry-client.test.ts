import { digestOf, MEDIA_TYPES, maxManifestBytes, parseReference } from '@entrepot/oci';
import {
  type BuiltImage,
  buildImage,
  startUpstream,
  type UpstreamOptions,
  type UpstreamRegistry,
} from '@entrepot/testing';
import { RegistryClient } from './registry-client.js';
import type { Upstream } from './upstream.js';

const soon = { firstDelayMs: 1, maxDelayMs: 2 };

describe('a registry client', () => {
  const opened: { close(): Promise<void> }[] = [];
  let image: BuiltImage;
  const startRegistry = async (options: UpstreamOptions = {}) => {
    const upstream = await startUpstream(options);
    opened.push(upstream);
    upstream.putImage('team/app', image, '1');
    return upstream;
  };
  const openClient = (...upstreams: Upstream[]) => {
    const client = new RegistryClient({ upstreams, idleTimeoutMs: 300, retry: { requests: soon, bodies: soon } });
    opened.push(client);
    return client;
  };
  const resolve = (client: RegistryClient, upstream: UpstreamRegistry) =>
    client.resolve(parseReference(`${upstream.host}/team/app:1`), {});
  beforeAll(async () => {
    image = await buildImage();
  });
  afterEach(async () => {
    for (const one of opened.splice(0)) await one.close();
  });

  describe('asked what a name stands for', () => {
    it('needs one HEAD', async () => {
      const upstream = await startRegistry();
      const { descriptor, manifest } = await resolve(openClient(), upstream);
      expect(descriptor).toEqual({
        mediaType: MEDIA_TYPES.dockerManifest,
        digest: image.digest,
        sizeBytes: image.bytes.length,
      });
      expect(manifest).toBeUndefined();
      expect(upstream.requested('manifest')).toEqual(['HEAD /v2/team/app/manifests/1']);
    });

    it.each([
      ['leaves out the digest', { headers: { 'docker-content-digest': null } }],
      ['does not know it', { status: 405 }],
    ])('asks by GET where HEAD %s', async (_, fault) => {
      const upstream = await startRegistry();
      upstream.faults.add({ method: 'HEAD' }, fault);
      const { descriptor, manifest } = await resolve(openClient(), upstream);
      expect(descriptor.digest).toBe(image.digest);
      expect(manifest?.bytes.equals(image.bytes)).toBe(true);
    });

    it('knows names that are not there', async () => {
      const upstream = await startRegistry();
      const client = openClient();
      await expect(client.resolve(parseReference(`${upstream.host}/team/app:2`), {})).rejects.toMatchObject({
        code: 'MANIFEST_UNKNOWN',
        dockerMessage: `manifest for ${upstream.host}/team/app:2 not found: manifest unknown: manifest unknown`,
        dockerStatus: 404,
      });
    });
  });

  describe('asked for a manifest', () => {
    it('refuses other bytes than those of the digest, asked for by digest or named by the registry', async () => {
      const upstream = await startRegistry();
      const client = openClient();
      upstream.faults.add({ on: 'manifest' }, { wrongBytes: true });
      for (const name of [image.digest, '1']) {
        await expect(client.getManifest(`${upstream.host}/team/app`, name, {})).rejects.toMatchObject({
          code: 'CONTENT_MISMATCH',
          retryable: false,
        });
      }
    });

    it('refuses more than four mebibytes, announced or not', async () => {
      const upstream = await startRegistry();
      const client = openClient();
      const bytes = Buffer.alloc(maxManifestBytes + 1, ' ');
      upstream.putManifest('team/app', { bytes, mediaType: MEDIA_TYPES.ociManifest }, 'big');
      for (const shortByBytes of [undefined, 0]) {
        upstream.faults.add({ on: 'manifest' }, { shortByBytes });
        await expect(client.getManifest(`${upstream.host}/team/app`, 'big', {})).rejects.toMatchObject({
          code: 'CONTENT_TOO_LARGE',
        });
      }
    });

    it('tries again after faults that may pass, and counts them', async () => {
      const upstream = await startRegistry();
      const client = openClient();
      upstream.faults.add({ on: 'manifest', times: 1 }, { status: 500 });
      upstream.faults.add({ on: 'manifest', times: 1, skip: 1 }, { neverAnswer: true });
      const attempts: number[] = [];
      await client.getManifest(`${upstream.host}/team/app`, '1', { onRetry: ({ attempt }) => attempts.push(attempt) });
      expect(attempts).toEqual([2, 3]);
      upstream.faults.add({ on: 'manifest' }, { status: 502 });
      await expect(client.getManifest(`${upstream.host}/team/app`, '1', {})).rejects.toMatchObject({
        code: 'REGISTRY_FAULT',
        retryable: true,
        dockerMessage: 'received unexpected HTTP status: 502 Bad Gateway',
      });
    });

    it('says when nobody answers there', async () => {
      const upstream = await startRegistry();
      await upstream.close();
      await expect(openClient().getManifest(`${upstream.host}/team/app`, '1', {})).rejects.toMatchObject({
        code: 'REGISTRY_UNREACHABLE',
        dockerMessage: expect.stringContaining('connect: connection refused'),
      });
    });
  });

  describe('with mirrors', () => {
    it('asks them in order, without the credential, and the registry last', async () => {
      const [first, second, origin] = [await startRegistry(), await startRegistry(), await startRegistry()];
      first.deleteManifest('team/app', '1');
      second.faults.add({ on: 'manifest' }, { status: 503 });
      const credential = { username: 'user', password: 'secret' };
      const client = openClient({ host: origin.host, mirrors: [first.url, second.url], credential });
      await resolve(client, origin);
      const asked = [first, second, origin].map(({ requests }) => requests.length);
      expect(asked).toEqual([1, 1, 1]);
      for (const { requests } of [first, second]) expect(requests[0]?.headers.authorization).toBeUndefined();
    });

    it('does not trouble the registry when one of them answers', async () => {
      const [mirror, origin] = [await startRegistry(), await startRegistry()];
      const client = openClient({ host: origin.host, mirrors: [mirror.url] });
      await resolve(client, origin);
      expect(origin.requests).toEqual([]);
      await client.resolve(parseReference(`${origin.host}/team/app:1`), { withoutMirrors: true });
      expect(origin.requests).toHaveLength(1);
    });

    it('goes on with the bytes that a mirror did not finish', async () => {
      const [mirror, origin] = [await startRegistry(), await startRegistry()];
      const content = Buffer.alloc(200_000, 'mirror');
      for (const registry of [mirror, origin]) registry.putBlob('team/app', content);
      mirror.faults.add({ on: 'blob' }, { cutAfterBytes: 120_000 });
      const client = openClient({ host: origin.host, mirrors: [mirror.url] });
      const descriptor = { mediaType: '', digest: digestOf(content), sizeBytes: content.length };
      const bytes = await client.getBlob(`${origin.host}/team/app`, descriptor, {});
      expect(bytes.equals(content)).toBe(true);
      expect(mirror.requests).toHaveLength(1);
      expect(origin.requests.map(({ headers }) => headers.range)).toEqual(['bytes=120000-']);
    });

    it('tells that a mirror limits requests, and asks the next place', async () => {
      const [mirror, origin] = [await startRegistry(), await startRegistry()];
      mirror.faults.add({}, { status: 429, headers: { 'retry-after': '60' } });
      const client = openClient({ host: origin.host, mirrors: [mirror.url] });
      const waits: string[] = [];
      await client.resolve(parseReference(`${origin.host}/team/app:1`), { onWait: ({ host }) => waits.push(host) });
      expect(waits).toEqual([mirror.host]);
    });
  });
});
