import { createHash } from 'node:crypto';
import {
  countUnlistedLayers,
  exactPath,
  type Findings,
  findImagesByBase,
  findImagesByChain,
  findImagesByContent,
  findImagesByLabel,
  findImagesByLayer,
  findImagesByPackage,
  findImagesByPath,
  listPackageVersions,
  listUnlistedLayers,
  parsePathGlob,
} from '@entrepot/database';
import { type IndexEntry, LayerIndexWriter, PackageFinder, summarizeLayer } from '@entrepot/layers';
import { createLogger } from '@entrepot/observability';
import type { Digest } from '@entrepot/oci';
import {
  type BuiltImage,
  buildImage,
  type ContentLab,
  type LayerEntry,
  openContentLab,
  pullImage,
} from '@entrepot/testing';
import { analyseLayer } from './analyse-layer.js';
import type { LayerReader } from './layer-thread.js';
import { listLayerFiles } from './list-layer-files.js';

describe('search inside images', () => {
  let lab: ContentLab;
  const images: Record<string, BuiltImage> = {};
  const { signal } = new AbortController();

  const layers: LayerReader = {
    read: async (storageKey, takePart) => {
      const index = new LayerIndexWriter(takePart);
      const watch = new PackageFinder();
      const listener = { watch, onIndexed: (entry: IndexEntry) => index.write(entry) };
      const summary = await summarizeLayer(await lab.context.store.open(storageKey), {}, listener);
      await index.end();
      return { ...summary, packages: watch.packages };
    },
    close: async () => {},
  };

  async function put(name: string, stack: LayerEntry[][], labels: Record<string, string> = {}): Promise<void> {
    const image = await buildImage({ layers: stack, config: { Labels: labels } });
    images[name] = image;
    await pullImage(lab.context, image, { reference: `docker.io/library/${name}:1` });
    const logger = createLogger({ service: 'test', level: 'silent' });
    for (const { descriptor } of image.layers) {
      await analyseLayer({ content: lab.context, layers, logger }, { digest: descriptor.digest }, { signal });
    }
  }

  const status = (version: string): string =>
    `Package: openssl\nStatus: install ok installed\nVersion: ${version}\n\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n`;
  const base = [
    { name: 'etc/', type: 'directory' as const },
    { name: 'etc/passwd', content: 'root' },
    { name: 'usr/lib/libssl.so.3', content: 'elf' },
    { name: 'var/lib/dpkg/status', content: status('3.0.9-1') },
  ];

  beforeAll(async () => {
    lab = await openContentLab();
    await put('base', [base]);
    await put('removed', [base, [{ name: 'etc/.wh.passwd' }, { name: 'usr/.wh.lib' }]], { owner: 'one' });
    await put('opaque', [
      base,
      [{ name: 'usr/' }, { name: 'usr/.wh..wh..opq' }, { name: 'usr/lib/new', content: 'n' }],
    ]);
    await put('replaced', [
      base,
      [
        { name: 'usr', content: 'a file' },
        { name: 'etc/passwd', content: 'other' },
      ],
    ]);
    await put('upgraded', [base, [{ name: 'var/lib/dpkg/status', content: status('3.0.11-1~deb12u2') }]], {
      owner: 'two',
    });
    await put('node', [
      [
        { name: 'app/node_modules/@a/b/package.json', content: '{"name":"@a/b","version":"1.2.3-rc.1"}' },
        { name: 'app/node_modules/bad/package.json', content: 'no json' },
        { name: 'lib/apk/db/installed', content: 'C:Q1\nP:musl\nV:1.2.3-r4\n\nP:busybox\nV:1.35.0-r29\n' },
        { name: 'var/lib/dpkg/status.d/base', content: 'Package: base-files\nVersion: 12.4\n' },
      ],
    ]);
    for (const digest of await listUnlistedLayers(lab.context.database.prisma, 100)) {
      await listLayerFiles({ content: lab.context }, { digest }, { signal });
    }
  }, 120_000);
  afterAll(() => lab.close());

  const names = ({ images: found }: Findings): string[] =>
    Object.keys(images).filter((name) => found.has(images[name]?.config.digest as Digest));
  const prisma = () => lab.context.database.prisma;

  it('is complete once every layer is listed', async () => {
    expect(await countUnlistedLayers(prisma())).toBe(0);
    expect(await listUnlistedLayers(prisma(), 100)).toEqual([]);
  });

  it.each([
    ['/etc/passwd', ['base', 'opaque', 'replaced', 'upgraded']],
    ['usr/lib/libssl.so.3', ['base', 'upgraded']],
    ['/usr/lib/new', ['opaque']],
    ['/etc/', ['base', 'removed', 'opaque', 'replaced', 'upgraded']],
    ['/nowhere', []],
  ])('finds the images that show %s', async (path, expected) => {
    expect(names(await findImagesByPath(prisma(), exactPath(path)))).toEqual(expected);
  });

  it.each([
    ['libssl.so*', ['base', 'upgraded']],
    ['*.json', ['node']],
    ['LIBSSL*', []],
    ['/usr/lib/*', ['base', 'opaque', 'upgraded']],
    ['/usr/*', ['base', 'opaque', 'upgraded']],
    ['usr/**/libssl.so.?', ['base', 'upgraded']],
    ['/app/**/package.json', ['node']],
    ['**/pass[a-z]d', ['base', 'opaque', 'replaced', 'upgraded']],
    ['pass\\*', []],
    ['[a-c-e]*zzz', []],
    ['[\\]-^]zzz', []],
    ['[[:alpha:]]zzz', []],
    ['[zzz', []],
  ])('finds the images that show %s as a glob', async (glob, expected) => {
    expect(names(await findImagesByPath(prisma(), parsePathGlob(glob)))).toEqual(expected);
  });

  it('refuses a class that goes backwards', () => {
    expect(() => parsePathGlob('lib[z-a].so')).toThrow('syntax error in pattern');
  });

  it('finds content only where it is on top', async () => {
    const find = (text: string) =>
      findImagesByContent(prisma(), createHash('sha256').update(text).digest('hex')).then(names);
    expect(await find('root')).toEqual(['base', 'opaque', 'upgraded']);
    expect(await find('other')).toEqual(['replaced']);
    expect(await find('nothing')).toEqual([]);
  });

  it('finds packages as the topmost database has them', async () => {
    expect(await listPackageVersions(prisma(), 'openssl', null)).toHaveLength(2);
    expect(await listPackageVersions(prisma(), 'gone', null)).toEqual([]);
    const find = async (name: string, ecosystem: string, version: string) =>
      names(await findImagesByPackage(prisma(), name, [{ ecosystem, version }]));
    expect(await find('openssl', 'deb', '3.0.9-1')).toEqual(['base', 'removed', 'opaque', 'replaced']);
    expect(await find('openssl', 'deb', '3.0.11-1~deb12u2')).toEqual(['upgraded']);
    expect(await find('musl', 'apk', '1.2.3-r4')).toEqual(['node']);
    expect(await find('@a/b', 'npm', '1.2.3-rc.1')).toEqual(['node']);
    expect(await find('base-files', 'deb', '12.4')).toEqual(['node']);
    expect(names(await findImagesByPackage(prisma(), 'openssl', []))).toEqual([]);
  });

  it('finds layers, what stands on an image, and labels', async () => {
    const all = ['base', 'removed', 'opaque', 'replaced', 'upgraded'];
    const [layer] = images.base?.layers ?? [];
    expect(names(await findImagesByLayer(prisma(), layer?.descriptor.digest as Digest))).toEqual(all);
    expect(names(await findImagesByLayer(prisma(), layer?.diffId as Digest))).toEqual(all);
    expect(names(await findImagesByBase(prisma(), images.base?.config.digest as Digest))).toEqual(all.slice(1));
    const second = images.removed?.layers[1]?.diffId;
    const chain = `sha256:${createHash('sha256').update(`${layer?.diffId} ${second}`).digest('hex')}`;
    expect(names(await findImagesByChain(prisma(), chain))).toEqual(['removed']);
    expect(names(await findImagesByChain(prisma(), layer?.diffId as string))).toEqual(all);
    expect(names(await findImagesByLabel(prisma(), 'owner', undefined))).toEqual(['removed', 'upgraded']);
    expect(names(await findImagesByLabel(prisma(), 'owner', 'two'))).toEqual(['upgraded']);
  });

  it('lists again what was cut off', async () => {
    const digest = images.node?.layers[0]?.descriptor.digest as Digest;
    await prisma().$executeRaw`update listed_layer set listed_at = null where digest = ${digest}`;
    expect(await countUnlistedLayers(prisma())).toBe(1);
    await listLayerFiles({ content: lab.context }, { digest }, { signal });
    expect(await countUnlistedLayers(prisma())).toBe(0);
  });
});
