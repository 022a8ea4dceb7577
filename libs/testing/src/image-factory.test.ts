import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { decompressed } from '@entrepot/layers';
import { chainIds, digestOf, isAttestation, isRunnableImage, parseImageConfig, parseManifest } from '@entrepot/oci';
import { buildArtifact, buildImage, buildIndex, deterministicBytes } from './index.js';

const entries = [
  { name: 'etc/', mode: 0o700 },
  { name: 'etc/motd', content: 'hello\n', uid: 7 },
  { name: 'etc/link', type: 'symlink' as const, linkname: 'motd' },
];

describe('the image factory', () => {
  it.each(['docker', 'oci'] as const)('makes a %s image that we can parse', async (format) => {
    const image = await buildImage({
      format,
      platform: 'linux/arm/v7',
      layers: [entries, entries],
      emptySteps: ['ENV A=1'],
    });
    const manifest = parseManifest(image.bytes, image.mediaType);
    if (manifest.kind !== 'image') throw new Error('not an image');
    expect(isRunnableImage(manifest)).toBe(true);
    expect(manifest.layers).toHaveLength(2);
    const config = parseImageConfig(image.config.bytes);
    expect(config).toMatchObject({ os: 'linux', architecture: 'arm', variant: 'v7' });
    expect(config.history.map(({ emptyLayer }) => emptyLayer)).toEqual([false, false, true]);
    expect(chainIds(config.diffIds)).toHaveLength(2);
    expect(image.blobs.every(({ digest, bytes }) => digestOf(bytes) === digest)).toBe(true);
  });

  it('makes the same bytes each time', async () => {
    const [one, two] = await Promise.all([buildImage({ layers: [entries] }), buildImage({ layers: [entries] })]);
    expect(one.digest).toBe(two.digest);
    expect(deterministicBytes(100, 'a')).toEqual(deterministicBytes(100, 'a'));
    expect(deterministicBytes(100, 'a')).not.toEqual(deterministicBytes(100, 'b'));
  });

  it.each(['none', 'gzip', 'zstd'] as const)(
    'compresses by %s to what decompresses to the diff id',
    async (compression) => {
      const tar = deterministicBytes(300_000);
      const image = await buildImage({ layers: [{ tar, compression }] });
      const [layer] = image.layers;
      const plain = await decompressed(Readable.from([layer?.bytes]));
      expect(plain.compression).toBe(compression);
      expect(digestOf(await buffer(plain.stream))).toBe(layer?.diffId);
    },
  );

  it('lies about diff id, size and digest when asked to', async () => {
    const digest = digestOf(Buffer.from('another'));
    const lie = { diffId: digest, digest, sizeBytes: 3 };
    const image = await buildImage({ layers: [{ entries, lie }] });
    const manifest = parseManifest(image.bytes);
    expect(manifest).toMatchObject({ layers: [{ digest, sizeBytes: 3 }] });
    expect(parseImageConfig(image.config.bytes).diffIds).toEqual([digest]);
    expect(image.blobs.find((blob) => blob.digest === digest)?.bytes).toBe(image.layers[0]?.bytes);
  });

  it('makes an index with platforms, a nested index and attestations', async () => {
    const amd64 = await buildImage({ platform: 'linux/amd64' });
    const arm64 = await buildImage({ platform: 'linux/arm64' });
    const nested = buildIndex({ images: [arm64], format: 'oci' });
    const index = buildIndex({ images: [amd64, nested], format: 'oci', attestations: true });
    const parsed = parseManifest(index.bytes, index.mediaType);
    if (parsed.kind !== 'index') throw new Error('not an index');
    expect(parsed.manifests.map((child) => isAttestation(child))).toEqual([false, false, true]);
    expect(parsed.manifests.map(({ platform }) => platform?.architecture)).toEqual(['amd64', undefined, 'unknown']);
    const digests = index.manifests.map(({ bytes }) => digestOf(bytes));
    expect(digests).toEqual(expect.arrayContaining([amd64.digest, arm64.digest, nested.digest]));
  });

  it('makes an artifact, which is no image to run', () => {
    const artifact = parseManifest(buildArtifact().bytes);
    expect(artifact.kind === 'image' && isRunnableImage(artifact)).toBe(false);
  });
});
