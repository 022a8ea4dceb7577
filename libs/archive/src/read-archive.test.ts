import { gzipSync } from 'node:zlib';
import { type Descriptor, digestHex, digestOf, MEDIA_TYPES } from '@entrepot/oci';
import {
  blobFile,
  blobFiles,
  indexFile,
  jsonBytes,
  legacyFiles,
  MemorySink,
  manifestFile,
  streamOf,
  type TarFile,
  tar,
  testImage,
  testIndex,
} from './archive-fixtures.js';
import { blobPath } from './blob-path.js';
import { type ReadArchiveOptions, readArchive } from './read-archive.js';

const layout: TarFile = { name: 'oci-layout', body: '{"imageLayoutVersion":"1.0.0"}' };
const containerdName = (name: string, tag: string) => ({
  'io.containerd.image.name': name,
  'org.opencontainers.image.ref.name': tag,
});

async function load(files: TarFile[], options?: ReadArchiveOptions) {
  const sink = new MemorySink();
  return { ...(await readArchive(streamOf(await tar(...files)), sink, options)), sink };
}

describe('readArchive of a layout', () => {
  it('finds image, names, config and layers of what docker 28 with containerd saves', async () => {
    const redis = await testImage('redis');
    const { images, unused, sink } = await load([
      { name: 'blobs/', type: 'directory' },
      { name: 'blobs/sha256/', type: 'directory' },
      ...blobFiles(redis),
      indexFile([redis.manifest, containerdName('docker.io/library/redis:7', '7')]),
      manifestFile({
        Config: blobPath(digestOf(redis.config)),
        RepoTags: ['redis:7', 'redis:latest'],
        Layers: redis.layers.map((layer) => blobPath(digestOf(layer))),
      }),
      layout,
    ]);
    expect(images).toHaveLength(1);
    expect(images[0]).toMatchObject({
      references: ['docker.io/library/redis:7', 'docker.io/library/redis:latest'],
      target: redis.manifest,
      generated: false,
      children: [],
      absent: [],
    });
    const [loaded] = images[0]?.manifests ?? [];
    expect(loaded).toMatchObject({ runnable: true, missing: [], config: { bytes: redis.config } });
    expect(loaded?.config.parsed?.architecture).toBe('amd64');
    expect(loaded?.layers.map(({ diffId, carried }) => [diffId, carried])).toEqual(
      redis.plainLayers.map((layer) => [digestOf(layer), true]),
    );
    expect([...sink.blobs.keys()].sort()).toEqual([redis.config, ...redis.layers].map((it) => digestOf(it)).sort());
    expect(unused).toEqual([]);
  });

  it('takes entries in any order', async () => {
    const redis = await testImage('redis');
    const files = [indexFile([redis.manifest]), layout, ...blobFiles(redis)];
    const [forward, backward] = [await load(files), await load([...files].reverse())];
    expect(backward.images).toEqual(forward.images);
    expect(new Set(backward.sink.blobs.keys())).toEqual(new Set(forward.sink.blobs.keys()));
  });

  it('reads a layout that was packed with its folder', async () => {
    const redis = await testImage('redis');
    const files = [layout, indexFile([redis.manifest, { 'org.opencontainers.image.ref.name': 'library/redis:7' }])];
    const inFolder = [...files, ...blobFiles(redis)].map((file) => ({ ...file, name: `oci/${file.name}` }));
    expect((await load([{ name: 'oci/', type: 'directory' }, ...inFolder])).images[0]).toMatchObject({
      references: ['docker.io/library/redis:7'],
      target: redis.manifest,
      manifests: [{ missing: [] }],
    });
  });

  it('descends into indexes and lists the platforms that are not carried', async () => {
    const [amd64, arm64, s390x] = [
      await testImage('x'),
      await testImage('x', { architecture: 'arm64' }),
      await testImage('x', { architecture: 's390x' }),
    ];
    const inner = testIndex([arm64.manifest]);
    const outer = testIndex([amd64.manifest], [inner], [s390x.manifest]);
    const { images } = await load([
      indexFile([outer]),
      ...[outer, inner].map(({ bytes }) => blobFile(bytes)),
      ...blobFiles(amd64),
      ...blobFiles(arm64),
    ]);
    expect(images[0]?.target).toEqual(outer);
    expect(images[0]?.children).toEqual([amd64.manifest, inner, arm64.manifest]);
    expect(images[0]?.manifests.map(({ config }) => config.parsed?.architecture)).toEqual(['amd64', 'arm64']);
    expect(images[0]?.absent.map(({ digest }) => digest)).toEqual([s390x.manifest.digest]);
  });

  it('keeps attestations with their image, and their documents as blobs', async () => {
    const app = await testImage('app');
    const statement = jsonBytes({ _type: 'https://in-toto.io/Statement/v1', predicate: {} });
    const config = jsonBytes({ architecture: 'unknown', os: 'unknown', rootfs: { type: 'layers', diff_ids: [] } });
    const describe = (mediaType: string, bytes: Buffer) => ({ mediaType, digest: digestOf(bytes), size: bytes.length });
    const bytes = jsonBytes({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.ociManifest,
      config: describe(MEDIA_TYPES.ociConfig, config),
      layers: [describe(MEDIA_TYPES.inToto, statement)],
    });
    const attestation = { digest: digestOf(bytes), mediaType: MEDIA_TYPES.ociManifest, bytes };
    const platform = { os: 'unknown', architecture: 'unknown' };
    const index = testIndex([app.manifest], [attestation, { platform }]);
    const files = [statement, config, bytes, index.bytes].map(blobFile);
    const { images, sink } = await load([...files, ...blobFiles(app), indexFile([index])]);
    expect(images[0]?.manifests).toMatchObject([
      { runnable: true },
      { runnable: false, listed: { platform }, missing: [] },
    ]);
    expect(sink.blobs.get(digestOf(statement))).toEqual(statement);
    expect(sink.blobs.get(digestOf(config))).toEqual(config);
  });

  it('says which blobs must be here already', async () => {
    const redis = await testImage('redis');
    const { images } = await load([indexFile([redis.manifest]), ...blobFiles(redis).slice(0, 3)]);
    const [loaded] = images[0]?.manifests ?? [];
    expect(loaded?.missing.map(({ digest }) => digest)).toEqual([digestOf(redis.layers[1] as Buffer)]);
    expect(loaded?.layers.map(({ carried }) => carried)).toEqual([true, false]);
  });

  it('asks for a manifest that it does not carry', async () => {
    const redis = await testImage('redis');
    const files = [indexFile([redis.manifest]), ...blobFiles(redis).slice(1)];
    await expect(load(files)).rejects.toThrow(`${blobPath(redis.manifest.digest)}: is not in the archive`);
    const knownManifest = () => redis.manifest;
    expect((await load(files, { knownManifest })).images[0]).toMatchObject({
      target: redis.manifest,
      manifests: [{ missing: [] }],
    });
  });

  it.each([
    ['docker.io/library/redis:7', ['docker.io/library/redis:7']],
    ['ghcr.io/a/b:1', ['ghcr.io/a/b:1']],
    ['foo/bar', ['docker.io/foo/bar:latest']],
    ['7', []],
    ['latest', []],
    ['Not A Name:1', []],
  ])('takes the annotation %j for %j', async (name, references) => {
    const redis = await testImage('redis');
    const index = indexFile([redis.manifest, { 'org.opencontainers.image.ref.name': name }]);
    expect((await load([index, ...blobFiles(redis)])).images[0]?.references).toEqual(references);
  });

  it('counts content that a descriptor brings along', async () => {
    const redis = await testImage('redis');
    const manifest = JSON.parse(redis.manifest.bytes.toString());
    manifest.config.data = redis.config.toString('base64');
    const bytes = jsonBytes(manifest);
    const target = { ...redis.manifest, bytes, digest: digestOf(bytes) };
    const { images, sink } = await load([indexFile([target]), blobFile(bytes), ...redis.layers.map(blobFile)]);
    expect(images[0]?.manifests[0]).toMatchObject({ missing: [], config: { bytes: redis.config } });
    expect(sink.blobs.get(digestOf(redis.config))).toEqual(redis.config);
  });

  it('tells what it stored for nothing', async () => {
    const redis = await testImage('redis');
    const stray = Buffer.from('nobody needs this');
    const { unused } = await load([blobFile(stray), indexFile([redis.manifest]), ...blobFiles(redis)]);
    expect(unused).toMatchObject([{ digest: digestOf(stray), sizeBytes: stray.length }]);
  });

  it('never lets manifest.json take a name away from index.json', async () => {
    const [one, two] = [await testImage('one'), await testImage('two')];
    const { images } = await load([
      indexFile([one.manifest, containerdName('docker.io/library/app:1', '1')], [two.manifest]),
      manifestFile({
        Config: blobPath(digestOf(two.config)),
        RepoTags: ['app:1', 'app:2'],
        Layers: two.layers.map((layer) => blobPath(digestOf(layer))),
      }),
      ...blobFiles(one),
      ...blobFiles(two),
    ]);
    expect(images.map(({ references }) => references)).toEqual([
      ['docker.io/library/app:1'],
      ['docker.io/library/app:2'],
    ]);
  });
});

describe('readArchive of a docker archive', () => {
  it('makes a manifest for what docker 20.10 saves, the one that docker 28 would', async () => {
    const redis = await testImage('redis', { gzip: false });
    const { images, unused, sink } = await load(legacyFiles(['redis:7', 'localhost:5000/redis:7'], redis));
    expect(images).toHaveLength(1);
    expect(images[0]).toMatchObject({
      references: ['docker.io/library/redis:7', 'localhost:5000/redis:7'],
      generated: true,
      manifests: [{ missing: [], runnable: true }],
    });
    expect(images[0]?.target).toEqual(redis.manifest);
    expect(sink.blobs.get(digestOf(redis.config))).toEqual(redis.config);
    expect(sink.blobs.size).toBe(3);
    expect(unused).toEqual([]);
  });

  it('unpacks an archive that was gzipped as a whole', async () => {
    const redis = await testImage('redis', { gzip: false });
    const packed = gzipSync(await tar(...legacyFiles(null, redis)));
    const { images } = await readArchive(streamOf(packed, 1000), new MemorySink());
    expect(images[0]).toMatchObject({ references: [], target: redis.manifest });
  });

  it('follows a link to a layer that comes later', async () => {
    const redis = await testImage('redis', { gzip: false });
    const base = redis.plainLayers[0];
    const files = legacyFiles(['redis:7'], redis, { 0: 'elsewhere' });
    const { images } = await load([...files, { name: 'elsewhere/layer.tar', body: base }]);
    expect(images[0]?.target).toEqual(redis.manifest);
  });

  it('keeps the compressed layers of crane as they are', async () => {
    const redis = await testImage('redis');
    const config = digestOf(redis.config);
    const names = redis.layers.map((layer) => `${digestHex(digestOf(layer))}.tar.gz`);
    const layers = redis.layers.map((body, at) => ({ name: names[at] ?? '', body }));
    const entry = { Config: config, RepoTags: ['crane/redis:7'], Layers: names };
    const { images } = await load([{ name: config, body: redis.config }, ...layers, manifestFile(entry)]);
    expect(images[0]).toMatchObject({
      references: ['docker.io/crane/redis:7'],
      target: redis.manifest,
      generated: true,
    });
  });

  it('uses a layer that is here in place of the one in the archive', async () => {
    const packed = await testImage('redis');
    const known: Descriptor = {
      mediaType: MEDIA_TYPES.dockerLayerGzip,
      digest: digestOf(packed.layers[0] as Buffer),
      sizeBytes: packed.layers[0]?.length ?? 0,
    };
    const base = digestOf(packed.plainLayers[0] as Buffer);
    const knownLayer = (diffId: string) => (diffId === base ? known : null);
    const { images, unused } = await load(legacyFiles(['redis:7'], packed), { knownLayer });
    const [loaded] = images[0]?.manifests ?? [];
    expect(loaded?.layers.map(({ descriptor, carried }) => [descriptor.mediaType, carried])).toEqual([
      [MEDIA_TYPES.ociLayerGzip, false],
      [MEDIA_TYPES.ociLayer, true],
    ]);
    expect(loaded?.missing.map(({ digest }) => digest)).toEqual([known.digest]);
    expect(unused.map(({ digest }) => digest)).toEqual([base]);
  });

  it('does without a layer file when the layer is here', async () => {
    const packed = await testImage('redis');
    const files = legacyFiles(['redis:7'], packed).filter(({ name }) => !name.endsWith('/layer.tar'));
    const knownLayer = (diffId: string): Descriptor => {
      const at = packed.plainLayers.findIndex((layer) => digestOf(layer) === diffId);
      const layer = packed.layers[at] as Buffer;
      return { mediaType: MEDIA_TYPES.ociLayerGzip, digest: digestOf(layer), sizeBytes: layer.length };
    };
    expect((await load(files, { knownLayer })).images[0]?.target).toEqual(packed.manifest);
    await expect(load(files)).rejects.toMatchObject({
      dockerMessage: expect.stringMatching(/^open .*layer\.tar: no such file/),
    });
  });

  it('loads two names of the same image once, and two images apart', async () => {
    const [one, two] = [await testImage('one', { gzip: false }), await testImage('two', { gzip: false })];
    const entry = (image: typeof one, tag: string) => ({
      Config: `${tag}.json`,
      RepoTags: [`app:${tag}`],
      Layers: image.layers.map((layer) => blobPath(digestOf(layer))),
    });
    const { images } = await load([
      ...['1', '2'].map((tag) => ({ name: `${tag}.json`, body: one.config })),
      { name: '3.json', body: two.config },
      ...blobFiles(one),
      ...blobFiles(two),
      manifestFile(entry(one, '1'), entry(one, '2'), entry(two, '3')),
    ]);
    expect(images.map(({ references }) => references)).toEqual([
      ['docker.io/library/app:1', 'docker.io/library/app:2'],
      ['docker.io/library/app:3'],
    ]);
  });

  it('loads nothing from an archive of no images', async () => {
    expect((await load([manifestFile()])).images).toEqual([]);
  });
});
