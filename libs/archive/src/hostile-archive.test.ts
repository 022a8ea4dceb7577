import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { digestOf } from '@entrepot/oci';
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
} from './archive-fixtures.js';
import { blobPath } from './blob-path.js';
import { readArchive } from './read-archive.js';

const load = (bytes: Buffer, pieceBytes?: number) => readArchive(streamOf(bytes, pieceBytes), new MemorySink());
const loadFiles = async (...files: TarFile[]) => load(await tar(...files));
const image = await testImage('redis');
const good = [indexFile([image.manifest]), ...blobFiles(image)];
const plain = await testImage('redis', { gzip: false });

describe('readArchive refuses', () => {
  it.each<[string, Buffer | Promise<Buffer>, string]>([
    ['bytes that are no tar', Buffer.alloc(5000, 'junk'), 'archive/tar: invalid tar header'],
    ['nothing at all', Buffer.alloc(0), 'open repositories: no such file or directory'],
    ['an empty tar', Buffer.alloc(1024), 'open repositories: no such file or directory'],
    ['a tar of other things', tar({ name: 'README', body: 'x' }), 'open repositories: no such file or directory'],
    [
      'a manifest that is no JSON',
      tar({ name: 'manifest.json', body: 'not JSON' }),
      "invalid character 'o' in literal null (expecting 'u')",
    ],
    [
      'a manifest that is null',
      tar({ name: 'manifest.json', body: 'null' }),
      'invalid manifest, manifest cannot be null (but can be [])',
    ],
    [
      'an archive without its config',
      tar(manifestFile({ Config: 'nope.json', RepoTags: null, Layers: [] })),
      'open nope.json: no such file or directory',
    ],
  ])('%s, in the words of docker', async (_, bytes, dockerMessage) => {
    await expect(load(await bytes)).rejects.toMatchObject({ code: 'INVALID_ARCHIVE', dockerMessage });
  });

  it('a layer more than the config has', async () => {
    const { rootfs, ...rest } = JSON.parse(plain.config.toString());
    const config = jsonBytes({ ...rest, rootfs: { ...rootfs, diff_ids: rootfs.diff_ids.slice(1) } });
    await expect(loadFiles(...legacyFiles(null, { ...plain, config }))).rejects.toMatchObject({
      dockerMessage: 'invalid manifest, layers length mismatch: expected 2, got 1',
    });
  });

  it('a layer that unpacks to something else', async () => {
    const other = await tar({ name: 'other', body: 'x' });
    const files = legacyFiles(null, { ...plain, plainLayers: [plain.plainLayers[0] as Buffer, other] });
    await expect(loadFiles(...files)).rejects.toMatchObject({
      entry: expect.stringMatching(/layer\.tar$/),
      dockerMessage: `invalid diffID for layer 1: expected "${digestOf(plain.plainLayers[1] as Buffer)}", got "${digestOf(other)}"`,
    });
  });

  it.each([
    ['a layer', blobPath(digestOf(image.layers[1] as Buffer))],
    ['a config', blobPath(digestOf(image.config))],
    ['a manifest', blobPath(image.manifest.digest)],
  ])('%s that is not what its name says', async (_, name) => {
    const files = good.map((file) => (file.name === name ? { name, body: `${file.body} ` } : file));
    await expect(loadFiles(...files)).rejects.toMatchObject({ code: 'INVALID_ARCHIVE', entry: name });
  });

  it.each<[string, TarFile, string]>([
    ['a name that leads out', { name: 'blobs/../../etc/passwd', body: 'x' }, 'leads out of its tree'],
    ['an absolute name', { name: '/etc/passwd', body: 'x' }, 'is an absolute name'],
    [
      'a link that leads out',
      { name: 'a/layer.tar', type: 'symlink', linkname: '../../x' },
      'is a link out of the archive',
    ],
    [
      'a link to an absolute name',
      { name: 'a/layer.tar', type: 'symlink', linkname: '/etc/passwd' },
      'is a link to an absolute name',
    ],
    ['a device', { name: 'dev', type: 'character-device', devmajor: 1, devminor: 1 }, 'is a character-device'],
    ['a blob without a digest for a name', { name: 'blobs/sha256/..%2f', body: 'x' }, 'is not named after a digest'],
    ['a digest that is too short', { name: 'blobs/sha256/abc', body: 'x' }, 'is not named after a digest'],
  ])('%s, and names it', async (_, file, reason) => {
    await expect(loadFiles(file, ...good)).rejects.toMatchObject({
      code: 'INVALID_ARCHIVE',
      entry: file.name,
      message: expect.stringContaining(reason),
    });
  });

  it('links that go round in a circle', async () => {
    const links: TarFile[] = ['a', 'b'].map((name) => ({ name, type: 'symlink', linkname: name === 'a' ? 'b' : 'a' }));
    await expect(loadFiles(...links, manifestFile({ Config: 'a', RepoTags: null, Layers: [] }))).rejects.toThrow(
      'a: is a link that leads nowhere',
    );
  });

  it('one name with two contents, and takes the same content twice', async () => {
    const [config, ...rest] = [{ name: 'config.json', body: plain.config }, ...plain.layers.map(blobFile)];
    const layers = plain.layers.map((layer) => blobPath(digestOf(layer)));
    const manifest = manifestFile({ Config: 'config.json', RepoTags: null, Layers: layers });
    const twice = [config as TarFile, config as TarFile, ...rest, ...rest, manifest, manifest];
    expect((await loadFiles(...twice)).images).toHaveLength(1);
    for (const other of [
      { name: 'config.json', body: image.manifest.bytes },
      { ...manifestFile(), name: './manifest.json' },
      { name: 'config.json', type: 'symlink', linkname: 'x' } as TarFile,
    ]) {
      await expect(loadFiles(...twice, other)).rejects.toThrow('is in the archive twice, with different content');
    }
  });

  it('an archive cut anywhere, and stores nothing that could be taken for an image', async () => {
    const bytes = await tar(...good);
    const closedAt = bytes.length - 1024;
    for (let size = 512; size < closedAt; size += 399) {
      await expect(load(bytes.subarray(0, size), 700)).rejects.toMatchObject({ code: 'INVALID_ARCHIVE' });
    }
    expect((await load(bytes.subarray(0, closedAt))).images).toHaveLength(1);
  });

  it('a cut entry, and names it', async () => {
    const big = { name: 'blobs/sha256/'.concat('a'.repeat(64)), body: Buffer.alloc(50_000) };
    const bytes = await tar({ name: 'manifest.json', body: '[]' }, big);
    await expect(load(bytes.subarray(0, 20_000))).rejects.toMatchObject({
      entry: big.name,
      reason: 'the archive ends in the middle of it',
      dockerMessage: 'unexpected EOF',
    });
    await expect(load(gzipSync(bytes).subarray(0, -40))).rejects.toMatchObject({ dockerMessage: 'unexpected EOF' });
  });

  it('an archive cut between two entries, unless nothing is missing', async () => {
    const files = await tar(...good.slice(0, -1));
    const uncut = await load(files);
    expect(uncut.images[0]?.manifests[0]?.missing).toHaveLength(1);
    await expect(load(files.subarray(0, -1024))).rejects.toThrow('the archive ends after it without being closed');
  });

  it('a bomb, as a whole or in one layer', async () => {
    const zeros = Buffer.alloc(150_000_000);
    const name = `blobs/sha256/${'a'.repeat(64)}`;
    await expect(load(gzipSync(await tar({ name, body: zeros })))).rejects.toMatchObject({
      entry: name,
      reason: 'unpacks to more than 200 times its size',
    });
    await expect(loadFiles({ name: 'x/layer.tar', body: gzipSync(zeros) })).rejects.toMatchObject({
      entry: 'x/layer.tar',
      reason: 'unpacks to more than 200 times its size',
    });
  });

  it('more entries than any archive needs', async () => {
    const bytes = await tar(...Array.from({ length: 20 }, (_, at) => ({ name: `file-${at}`, body: '{}' })));
    const refused = readArchive(streamOf(bytes), new MemorySink(), { limits: { maxEntries: 10 } });
    await expect(refused).rejects.toMatchObject({ code: 'INVALID_ARCHIVE', entry: 'file-10' });
  });

  it('a manifest.json without end', async () => {
    await expect(loadFiles({ name: 'manifest.json', body: Buffer.alloc(9_000_000, ' ') })).rejects.toMatchObject({
      entry: 'manifest.json',
    });
  });

  it('compressions that are not decoded here', async () => {
    await expect(load(Buffer.from('BZh91AY&SY etc.'))).rejects.toThrow('bzip2 compression is not supported');
    const config = jsonBytes({ rootfs: { type: 'layers', diff_ids: [`sha256:${'a'.repeat(64)}`] } });
    const files = [
      { name: 'c.json', body: config },
      { name: 'l.tar.bz2', body: 'BZh91AY&SY etc.' },
      manifestFile({ Config: 'c.json', RepoTags: null, Layers: ['l.tar.bz2'] }),
    ];
    await expect(loadFiles(...files)).rejects.toMatchObject({ entry: 'l.tar.bz2', code: 'INVALID_ARCHIVE' });
  });

  it('a blob of another size than its manifest says', async () => {
    const { layers, ...rest } = JSON.parse(image.manifest.bytes.toString());
    const bytes = jsonBytes({ ...rest, layers: [{ ...layers[0], size: 1 }, layers[1]] });
    const lying = { ...image, manifest: { ...image.manifest, bytes, digest: digestOf(bytes) } };
    await expect(loadFiles(indexFile([lying.manifest]), ...blobFiles(lying))).rejects.toMatchObject({
      entry: blobPath(digestOf(image.layers[0] as Buffer)),
    });
  });

  it.each(['no spaces:1', 'redis', 'redis@sha256:'.concat('a'.repeat(64))])('%j for a tag', async (repoTag) => {
    await expect(loadFiles(...legacyFiles([repoTag], plain))).rejects.toMatchObject({ entry: 'manifest.json' });
  });
});

describe('when reading fails', () => {
  it('an error of the sink reaches the caller as it is', async () => {
    const full = new Error('the store is full');
    const sink = { put: () => Promise.reject(full) };
    await expect(readArchive(streamOf(await tar(...good)), sink)).rejects.toBe(full);
  });

  it('a failure of the archive wins over what the sink makes of it', async () => {
    const sink = {
      put: async (_: unknown, body: AsyncIterable<Buffer>) => {
        try {
          for await (const _chunk of body);
        } catch {
          throw new Error('the upload was aborted');
        }
        throw new Error('never');
      },
    };
    const bytes = await tar({ name: 'x/layer.tar', body: Buffer.alloc(10_000) });
    await expect(readArchive(streamOf(bytes.subarray(0, 5000)), sink)).rejects.toMatchObject({
      code: 'INVALID_ARCHIVE',
    });
  });

  it('a failure of the source reaches the caller as it is', async () => {
    const source = new Readable({ read() {} });
    source.push((await tar(...good)).subarray(0, 3000));
    const reading = readArchive(source, new MemorySink());
    setImmediate(() => source.destroy(new Error('the client went away')));
    await expect(reading).rejects.toThrow(/^the client went away$/);
  });

  it.each([
    ['plain', (bytes: Buffer) => bytes],
    ['gzip', (bytes: Buffer) => gzipSync(bytes, { level: 0 })],
  ])('a %s source can still be read to its end', async (_, pack) => {
    const bytes = pack(await tar({ name: 'x/layer.tar', body: Buffer.alloc(1_000_000, 'x') }));
    const source = new Readable({ read() {} });
    source.push(bytes.subarray(0, 200_000));
    const sink = { put: () => Promise.reject(new Error('the store is full')) };
    await expect(readArchive(source, sink)).rejects.toThrow('the store is full');
    expect(source.destroyed).toBe(false);
    const drained = new Promise((resolve) => source.on('end', resolve));
    source.resume();
    setImmediate(() => {
      source.push(bytes.subarray(200_000));
      source.push(null);
    });
    await drained;
  });
});
