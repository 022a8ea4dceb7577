// What strangers send, upstream or in an archive: each is refused in words that name it, and nothing of it stays.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { digestOf, MEDIA_TYPES } from '@entrepot/oci';
import {
  type BuiltImage,
  buildImage,
  buildIndex,
  buildTar,
  deterministicBytes,
  type Fault,
  type ImageRecipe,
  startUpstream,
  type UpstreamRegistry,
} from '@entrepot/testing';
import { describeStories, type Stack, startStack } from './stack.js';

describeStories('bad input', (profile) => {
  let stack: Stack;
  let upstream: UpstreamRegistry;

  beforeAll(async () => {
    upstream = await startUpstream();
    stack = await startStack({ profile, environment: { ENTREPOT_COLLECT_AFTER: '0' } });
  }, 120_000);
  beforeEach(() => upstream.faults.clear());
  afterEach(async () => {
    expect(await stack.docker.ok('images', '-aq')).toBe('');
    expect(await stack.violations()).toEqual([]);
  });
  afterAll(async () => {
    await stack?.stop();
    await upstream?.close();
  });

  const name = (path: string): string => `${upstream.host}/${path}`;
  const refused = async (...args: string[]): Promise<string> => {
    const { exitCode, stderr } = await stack.docker(...args);
    expect(exitCode).toBe(1);
    return stderr.trim().replace(/^Error response from daemon: /, '');
  };
  const filled = (bytes: number, seed: string) => [{ name: seed, content: deterministicBytes(bytes, seed) }];
  const put = async (path: string, recipe: ImageRecipe = {}): Promise<BuiltImage> => {
    const image = await buildImage({ layers: [filled(200_000, path)], ...recipe });
    upstream.putImage(path, image, '1');
    return image;
  };

  describe('of a registry', () => {
    it('names what there is not', async () => {
      const images = await Promise.all(
        ['linux/amd64', 'linux/arm/v7'].map((platform) => buildImage({ layers: [filled(500, platform)], platform })),
      );
      upstream.putImage('bad/known', buildIndex({ images, attestations: true }), '1');
      const unknown = digestOf(Buffer.from('unknown'));
      for (const reference of [name('bad/unknown:1'), name('bad/known:2'), name(`bad/known@${unknown}`)]) {
        expect(await refused('pull', reference)).toBe(
          `manifest for ${reference} not found: manifest unknown: manifest unknown`,
        );
      }
      const none = await refused('pull', '--platform', 'linux/s390x', name('bad/known:1'));
      expect(none).toMatch(
        /^no matching manifest for linux\/s390x in the manifest list entries.*linux\/amd64.*linux\/arm\/v7/,
      );
      expect(await refused('pull', '-a', name('bad/unknown'))).toBe(
        `repository ${name('bad/unknown')} not found: name unknown: repository name not known to registry`,
      );
    });

    it.each([
      ['fromImage=Bad%2FName&tag=1', 'invalid reference format: repository name (Name) must be lowercase'],
      ['fromImage=a%20b&tag=1', 'invalid reference format'],
      ['fromImage=..%2F..%2Fetc&tag=1', 'invalid reference format'],
      [`fromImage=a&tag=${'x'.repeat(200)}`, 'invalid tag format'],
      ['fromImage=a&tag=sha256%3Aabc', 'invalid'],
    ])('answers 400 to the malformed reference %s', async (query, message) => {
      const answer = await fetch(`${stack.url}/v1.50/images/create?${query}`, { method: 'POST' });
      expect([answer.status, ((await answer.json()) as { message: string }).message]).toEqual([
        400,
        expect.stringContaining(message),
      ]);
    });

    it('that is down is named, with what the system says', async () => {
      expect(await refused('pull', '127.0.0.1:9/team/app:1')).toMatch(
        /^Get "https?:\/\/127\.0\.0\.1:9\/v2\/": dial tcp 127\.0\.0\.1:9: connect: connection refused$/,
      );
    });

    it.each<[number, string, Fault]>([
      [401, 'no basic auth credentials', { headers: { 'www-authenticate': 'Basic realm="r"' } }],
      [403, 'denied', {}],
      [404, 'manifest unknown', {}],
      [500, 'received unexpected HTTP status: 500 Internal Server Error', {}],
    ])('that answers %i to a manifest', async (status, words, fault) => {
      await put('bad/status');
      upstream.faults.add({ on: 'manifest' }, { status, ...fault });
      expect(await refused('pull', name('bad/status:1'))).toContain(words);
    });

    it('that answers 429 for too long is not waited for, nor asked again', async () => {
      const limited = await startUpstream();
      limited.putImage('bad/limited', await buildImage({ layers: [filled(500, 'limited')] }), '1');
      limited.faults.add({ on: 'manifest' }, { status: 429, headers: { 'retry-after': '600' } });
      expect(await refused('pull', `${limited.host}/bad/limited:1`)).toContain('toomanyrequests');
      limited.requests.length = 0;
      expect(await refused('pull', `${limited.host}/bad/limited:1`)).toMatch(
        /limits requests until .*too many requests/,
      );
      expect(limited.requests).toEqual([]);
      await limited.close();
    });

    it.each<[string, Fault, RegExp]>([
      ['of other content', { wrongBytes: true }, /manifest|digest/],
      ['that ends too early', { shortByBytes: 30 }, /manifest|digest|unexpected end/],
      ['that never ends', { endless: true }, /4 ?MiB|4194304|larger|too large/],
      [
        'of nothing but HTML',
        { status: 200, body: '<html>login</html>', headers: { 'content-type': 'text/html' } },
        /./,
      ],
    ])('with a manifest %s', async (_, fault, words) => {
      await put('bad/manifest');
      upstream.faults.add({ on: 'manifest', method: 'GET' }, fault);
      expect(await refused('pull', name('bad/manifest:1'))).toMatch(words);
    });

    it('with a manifest of more than 4 MiB', async () => {
      await put('bad/big', { manifestDocument: { annotations: { filler: 'x'.repeat(5 * 1024 ** 2) } } });
      expect(await refused('pull', name('bad/big:1'))).toMatch(/4 ?MiB|4194304|too large/);
    });

    it('with a layer that is wrong, short, endless, absent, forbidden or broken', async () => {
      const faults: [string, Fault, RegExp][] = [
        ['wrong', { wrongBytes: true }, /^filesystem layer verification failed for digest sha256:/],
        ['short', { shortByBytes: 30 }, /unexpected EOF|short/],
        ['endless', { endless: true }, /sha256:|size|larger|longer/],
        ['absent', { status: 404 }, /^unknown blob$/],
        ['forbidden', { status: 403 }, /denied/],
        ['broken', { status: 500 }, /500 Internal Server Error/],
      ];
      // All at once, since each is tried again for a while before it fails.
      await Promise.all(
        faults.map(async ([kind, fault, words]) => {
          const image = await put(`bad/layer-${kind}`);
          upstream.faults.add({ on: 'blob', reference: image.layers[0]?.descriptor.digest as string }, fault);
          expect(await refused('pull', name(`bad/layer-${kind}:1`))).toMatch(words);
        }),
      );
    }, 120_000);

    it('that mixes up types and digests', async () => {
      const image = await buildImage({ layers: [filled(900, 'mixed')] });
      upstream.putImage('bad/mixed', image, '1');
      upstream.putManifest('bad/mixed', { bytes: image.bytes, mediaType: MEDIA_TYPES.ociIndex }, 'as-index');
      expect(await refused('pull', name('bad/mixed:as-index'))).toMatch(/manifest|index|type/);
      const index = buildIndex({ images: [image] });
      const asImage = JSON.parse(index.bytes.toString());
      asImage.mediaType = MEDIA_TYPES.dockerManifest;
      const confused = { bytes: Buffer.from(JSON.stringify(asImage)), mediaType: MEDIA_TYPES.dockerManifest };
      upstream.putManifest('bad/mixed', confused, 'as-image');
      expect(await refused('pull', name('bad/mixed:as-image'))).toMatch(/manifest|config|index/);
      const config = { mediaType: MEDIA_TYPES.dockerConfig, digest: image.layers[0]?.descriptor.digest, size: 900 };
      const layerAsConfig = JSON.parse(image.bytes.toString());
      layerAsConfig.config = { ...config, size: image.layers[0]?.bytes.length };
      upstream.putManifest(
        'bad/mixed',
        { bytes: Buffer.from(JSON.stringify(layerAsConfig)), mediaType: MEDIA_TYPES.dockerManifest },
        'layer-as-config',
      );
      expect(await refused('pull', name('bad/mixed:layer-as-config'))).toMatch(/config|JSON/);
      const other = await buildImage({ layers: [filled(900, 'other')] });
      const wrongSize = buildIndex({ images: [other], entries: [{ sizeBytes: 5 }] });
      upstream.putImage('bad/mixed', wrongSize, 'wrong-size');
      expect(await refused('pull', name('bad/mixed:wrong-size'))).toMatch(/size|bytes|digest/);
    });
  });

  describe('of an archive', () => {
    const file = (path: string): string => join(stack.folder, path);
    const load = async (path: string, bytes: Buffer): Promise<string> => {
      await writeFile(file(path), bytes);
      return refused('load', '-i', file(path));
    };
    const legacy = async (image: BuiltImage, layer: Buffer) => [
      { name: 'config.json', content: image.config.bytes },
      { name: 'a/layer.tar', content: layer },
      {
        name: 'manifest.json',
        content: JSON.stringify([{ Config: 'config.json', RepoTags: ['bad/app:1'], Layers: ['a/layer.tar'] }]),
      },
    ];

    it('that is none, is cut, or has nothing to load', async () => {
      const image = await buildImage({ layers: [filled(300_000, 'cut')] });
      const archive = await buildTar(await legacy(image, image.layers[0]?.tar as Buffer));
      expect(await load('junk.tar', deterministicBytes(20_000))).toBe('archive/tar: invalid tar header');
      expect(await load('text.tar', Buffer.from('not a tar\n'))).toMatch(/invalid tar header|unexpected EOF/);
      expect(await load('empty.tar', Buffer.alloc(0))).toContain('no such file or directory');
      expect(await load('cut.tar', archive.subarray(0, 200_000))).toBe('unexpected EOF');
      expect(await load('cut.tar.gz', gzipSync(archive).subarray(0, 200_000))).toBe('unexpected EOF');
      expect(await load('none.tar', await buildTar([{ name: 'README', content: 'x' }]))).toContain(
        'no such file or directory',
      );
      const [config, , manifest] = await legacy(image, Buffer.alloc(0));
      if (!config || !manifest) throw new Error('three entries');
      expect(await load('half.tar', await buildTar([config, manifest]))).toContain('a/layer.tar');
    });

    it('with names that lead out of it', async () => {
      const image = await buildImage();
      const rest = await legacy(image, image.layers[0]?.tar as Buffer);
      for (const path of ['../../etc/cron.d/x', '/etc/passwd', 'a/../../x']) {
        expect(await load('out.tar', await buildTar([{ name: path, content: 'x' }, ...rest]))).toContain(path);
      }
      const link = { name: 'a/layer.tar', type: 'symlink' as const, linkname: '../../etc/passwd' };
      const linked = [rest[0], link, rest[2]].filter((entry) => entry !== undefined);
      expect(await load('link.tar', await buildTar(linked))).toContain('a/layer.tar');
    });

    it('whose digests lie', async () => {
      const image = await buildImage({ layers: [filled(100_000, 'honest')] });
      const lie = await buildImage({ layers: [filled(100_000, 'lie')] });
      const archive = await buildTar(await legacy(image, lie.layers[0]?.tar as Buffer));
      expect(await load('diff.tar', archive)).toBe(
        `invalid diffID for layer 0: expected "${image.layers[0]?.diffId}", got "${lie.layers[0]?.diffId}"`,
      );
      const blob = (digest: string, content: Buffer) => ({ name: `blobs/${digest.replace(':', '/')}`, content });
      const layout = await buildTar([
        { name: 'oci-layout', content: '{"imageLayoutVersion":"1.0.0"}' },
        {
          name: 'index.json',
          content: JSON.stringify({
            schemaVersion: 2,
            manifests: [{ mediaType: image.mediaType, digest: image.digest, size: image.bytes.length }],
          }),
        },
        blob(image.digest, image.bytes),
        blob(image.config.digest, image.config.bytes),
        blob(image.layers[0]?.descriptor.digest as string, lie.layers[0]?.bytes as Buffer),
      ]);
      expect(await load('layout.tar', layout)).toContain(image.layers[0]?.descriptor.digest.slice(7));
    });

    /** 10 GB of zeros in 10 MB: gzip members one after another are one stream. */
    const zeros = (): Buffer[] => {
      const member = gzipSync(Buffer.alloc(10_000_000));
      return Array.from({ length: 1_000 }, () => member);
    };
    const header = async (path: string, size: number): Promise<Buffer> => {
      const head = (await buildTar([{ name: path, content: 'x' }])).subarray(0, 512);
      head.write(`${size.toString(8).padStart(11, '0')} `, 124, 'latin1');
      head.write('        ', 148, 'latin1');
      const sum = head.reduce((total, byte) => total + byte, 0);
      head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
      return gzipSync(head);
    };

    it('that is a bomb of zeros, as a whole or in a layer', async () => {
      const bomb = Buffer.concat([await header('a/layer.tar', 10_000_000_000), ...zeros()]);
      expect(bomb.length).toBeLessThan(11_000_000);
      const startedAt = Date.now();
      expect(await load('bomb.tar.gz', bomb)).toMatch(/unpacks to more than/);
      const image = await buildImage({ layers: [{ tar: Buffer.from('x') }] });
      const layer = Buffer.concat([await header('zeros', 10_000_000_000), ...zeros()]);
      expect(await load('layer.tar', await buildTar(await legacy(image, layer)))).toMatch(/unpacks to more than/);
      expect(Date.now() - startedAt).toBeLessThan(40_000);
    }, 120_000);
  });

  it('does not come of two who pull and remove the same image at once', async () => {
    const image = await buildImage({ layers: [filled(300_000, 'race 1'), filled(50_000, 'race 2')] });
    upstream.putImage('bad/race', image, '1');
    upstream.putImage('bad/twin', image, '1');
    const rounds = Array.from({ length: 8 }, (_, i) => i);
    const repeat = async (path: string): Promise<void> => {
      for (const _ of rounds) {
        await stack.docker.ok('pull', '-q', name(path));
        await stack.docker('rmi', '-f', name(path));
      }
    };
    await Promise.all([repeat('bad/race:1'), repeat('bad/race:1'), repeat('bad/twin:1')]);
    await stack.docker.ok('pull', '-q', name('bad/race:1'));
    expect((await stack.docker.ok('images', '-q', '--no-trunc')).trim()).toBe(image.config.digest);
    expect(await stack.violations()).toEqual([]);
    await stack.docker.ok('rmi', '-f', image.config.digest);
  }, 120_000);
});
