import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { AnalysisWishes } from '@entrepot/content';
import type { JobQueue } from '@entrepot/jobs';
import {
  defaultTarLimits,
  findSeekPoints,
  type IndexEntry,
  LayerIndexWriter,
  summarizeLayer,
  TarReader,
} from '@entrepot/layers';
import { createHealth, createLogger, createMetrics } from '@entrepot/observability';
import type { Digest } from '@entrepot/oci';
import { buildImage, type ContentLab, deterministicBytes, openContentLab, pullImage } from '@entrepot/testing';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { analyseLayer } from '../analyse-layer.js';
import { createArchiver } from '../archiver.js';
import { type LayerReader, LayerUnreadableError, type SeekPointFinder } from '../layer-thread.js';
import { LayerTrees } from '../layer-trees.js';

const spacing = { packedBytes: 50_000, plainBytes: 1e9 };

describe('questions about layers', () => {
  let lab: ContentLab;
  let app: NestFastifyApplication;
  let layers: Digest[];
  let others: Digest[];
  const logger = createLogger({ service: 'test', level: 'silent' });
  const asked: Digest[] = [];

  const reader: LayerReader = {
    read: async (storageKey, takePart) => {
      const index = new LayerIndexWriter(takePart);
      const source = await lab.context.store.open(storageKey);
      const summary = await summarizeLayer(source, {}, { onIndexed: (entry) => index.write(entry) }).catch(
        ({ message }: Error) => Promise.reject(new LayerUnreadableError(message, 'INVALID_LAYER', false)),
      );
      await index.end();
      return { ...summary, packages: [] };
    },
    close: async () => {},
  };

  const finder: SeekPointFinder = {
    find: async ({ storageKey }) => findSeekPoints(await lab.context.store.open(storageKey), spacing),
    close: async () => {},
  };

  /** Works the wish at once, as an archiver would soon. */
  const queue = {
    enqueueMany: async (_: unknown, payloads: { digest: Digest }[]) => {
      const { signal } = new AbortController();
      asked.push(...payloads.map(({ digest }) => digest));
      const parts = { content: lab.context, layers: reader, logger };
      for (const payload of payloads) await analyseLayer(parts, payload, { signal });
    },
  } as unknown as JobQueue;

  beforeAll(async () => {
    lab = await openContentLab();
    app = await createArchiver({
      ...{ content: lab.context, queue, layers: { ...reader, ...finder }, urgentLayers: reader, logger },
      ...{
        health: createHealth(),
        metrics: createMetrics('test'),
        internalSecret: 'inside',
        collectAfterMs: 0,
        reach: 'public',
        analysis: new AnalysisWishes({ ...lab.context, enqueue: async () => {}, onError: () => {} }),
      },
      ...{ secretKey: Buffer.alloc(32), sourceEpoch: null },
    });
    await app.listen(0, '127.0.0.1');
    const base = [
      { name: 'etc/', type: 'directory' as const },
      { name: 'etc/passwd', content: 'root:x:0:0\n', mode: 0o640 },
      { name: 'etc/shadow', content: 'secret' },
      { name: 'usr/lib/big', content: deterministicBytes(300_000, 'big') },
      { name: 'usr/lib/copy', content: deterministicBytes(300_000, 'big') },
      { name: 'lib', type: 'symlink' as const, linkname: '/usr/lib' },
    ];
    const image = await buildImage({
      layers: [
        base,
        { entries: [{ name: 'etc/passwd', content: 'root:y\n' }, { name: 'etc/.wh.shadow' }], compression: 'zstd' },
        {
          entries: [
            { name: 'etc/passwd-', type: 'link', linkname: 'etc/passwd' },
            { name: 'opt/new', content: 'new' },
          ],
          compression: 'none',
        },
      ],
    });
    await pullImage(lab.context, image);
    layers = image.layers.map(({ descriptor }) => descriptor.digest);
    const other = await buildImage({ layers: [base, [{ name: 'etc/shadow', content: 'sekret', mode: 0o600 }]] });
    await pullImage(lab.context, other, { reference: 'docker.io/library/other:1' });
    others = other.layers.map(({ descriptor }) => descriptor.digest);
  });
  afterAll(async () => {
    await app.close();
    await lab.close();
  });

  const ask = async (question: string, body: object, secret = 'inside') => {
    const headers = { authorization: `Bearer ${secret}` };
    return fetch(`${await app.getUrl()}/internal/insides/${question}`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    });
  };
  const json = async (question: string, body: object): Promise<Record<string, unknown>> => {
    const answer = await ask(question, { layers, ...body });
    return { status: answer.status, ...((await answer.json()) as Record<string, unknown>) };
  };

  it('has layers analysed first, once', async () => {
    expect(await json('changes', {})).toMatchObject({
      changes: [
        { entries: 6, added: 8, deleted: 0 },
        { entries: 2, changed: 1, deleted: 1, changedBytes: 11, deletedBytes: 6 },
        { entries: 2, added: 3, addedBytes: 3 },
      ],
    });
    expect(asked).toEqual(layers);
    await json('changes', {});
    expect(asked).toEqual(layers);
    // Removed and pulled again meanwhile, a layer is as if it were new.
    await lab.context.database.prisma.$executeRaw`update blob set analysed_at = null where digest = ${layers[0]}`;
    await json('changes', {});
    expect(asked).toEqual([...layers, layers[0]]);
  });

  it('describes and lists what a stack shows', async () => {
    expect(await json('stat', { path: '/etc/passwd-', follow: false })).toMatchObject({
      ...{ path: 'etc/passwd-', type: 'file', sizeBytes: 7, layer: 1, mode: 0o644 },
    });
    expect(await json('stat', { path: 'lib/big', follow: false })).toMatchObject({ path: 'usr/lib/big', layer: 0 });
    const { items } = await json('list', { path: '/etc', after: null, limit: 10 });
    expect((items as { name: string }[]).map(({ name }) => name)).toEqual(['passwd', 'passwd-']);
    expect(await json('list', { path: '/etc', after: 'passwd', limit: 10 })).toMatchObject({
      items: [{ name: 'passwd-' }],
    });
    expect(await json('list', { layers: layers.slice(0, 1), path: '/etc', after: null, limit: 1 })).toMatchObject({
      items: [{ name: 'passwd', sizeBytes: 11 }],
    });
  });

  it('reads a file and packs a folder', async () => {
    const file = await ask('cat', { layers, path: '/lib/big' });
    expect(Buffer.from(await file.arrayBuffer())).toEqual(deterministicBytes(300_000, 'big'));
    expect(await (await ask('cat', { layers, path: '/opt/new' })).text()).toBe('new');
    const tar = await ask('pack', { layers, path: '/' });
    const found: string[] = [];
    const bytes = Buffer.from(await tar.arrayBuffer());
    for await (const [entry, body] of new TarReader(Readable.from([bytes]), defaultTarLimits)) {
      const content = await buffer(body);
      found.push([entry.name, entry.linkTarget, content.length].join(' '));
    }
    expect(found).toEqual([
      './  0',
      'etc/  0',
      'lib /usr/lib 0',
      'opt/  0',
      'usr/  0',
      'usr/lib/  0',
      'usr/lib/big  300000',
      'usr/lib/copy  300000',
      'etc/passwd  7',
      'opt/new  3',
      'etc/passwd- etc/passwd 0',
    ]);
  });

  it('compares two stacks', async () => {
    const found = await json('compare', { others, after: null, limit: 10 });
    expect(found).toMatchObject({ added: 1, changed: 1, deleted: 3, addedBytes: 17, deletedBytes: 17 });
    const items = found.items as { path: string; kind: string; what: string[] }[];
    expect(items.map(({ path, kind, what }) => [path, kind, what.join()])).toEqual([
      ['etc/passwd', 'changed', 'content,mode'],
      ['etc/passwd-', 'deleted', ''],
      ['etc/shadow', 'added', ''],
      ['opt', 'deleted', ''],
      ['opt/new', 'deleted', ''],
    ]);
    expect(await json('compare', { others, after: 'etc/shadow', limit: 1 })).toMatchObject({
      items: [{ path: 'opt' }],
    });
  });

  it('measures waste', async () => {
    expect(await json('waste', { limit: 10 })).toMatchObject({
      wastedBytes: 11 + 7 + 6,
      userBytes: 10,
      duplicateBytes: 300_000,
      paths: [
        { path: 'etc/passwd', layers: 2, wastedBytes: 18 },
        { path: 'etc/shadow', layers: 2, wastedBytes: 6 },
      ],
      duplicates: [{ copies: 2, paths: ['usr/lib/big', 'usr/lib/copy'] }],
    });
  });

  it.each([
    ['stat', { path: 'etc/none', follow: false }, 404, 'PATH_NOT_FOUND'],
    ['cat', { path: 'etc' }, 400, 'NOT_A_FILE'],
    ['list', { path: 'etc/passwd', after: null, limit: 1 }, 400, 'NOT_A_DIRECTORY'],
    ['stat', { path: 'etc', follow: 1 }, 400, 'INVALID_QUESTION'],
    ['changes', { layers: [`sha256:${'e'.repeat(64)}`] }, 409, 'LAYER_GONE'],
  ])('refuses %s %j', async (question, body, status, code) => {
    expect(await json(question, body)).toMatchObject({ status, code });
  });

  it('says why a broken layer shows nothing', async () => {
    const junk = await buildImage({ layers: [{ tar: deterministicBytes(3000, 'junk') }] });
    await pullImage(lab.context, junk, { reference: 'docker.io/library/junk:1' });
    const broken = await json('changes', { layers: junk.layers.map(({ descriptor }) => descriptor.digest) });
    expect(broken).toMatchObject({ status: 422, code: 'BROKEN_LAYER', message: expect.stringContaining('tar header') });
  });

  it('builds no tree that is too large, and each once', async () => {
    const { tree } = await new LayerTrees({ content: lab.context, queue }).open(layers);
    const limits = { maxBytes: tree.usedBytes - 1, maxKeptBytes: tree.usedBytes / 2 };
    const few = new LayerTrees({ content: lab.context, queue }, limits);
    await expect(few.open(layers)).rejects.toMatchObject({ code: 'LAYER_TOO_LARGE', entry: expect.any(String) });
    const [lowest] = layers as [Digest];
    const [one, same] = await Promise.all([few.open([lowest]), few.open([lowest])]);
    expect(same).toBe(one);
    expect(await few.open([lowest])).toBe(one);
    await few.open(others);
    // Both are more than is kept.
    expect(await few.open([lowest])).not.toBe(one);
  });

  it('lets nobody in without the secret', async () => {
    expect((await ask('changes', { layers }, 'outside')).status).toBe(403);
  });
});
