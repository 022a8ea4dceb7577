import type { Readable } from 'node:stream';
import { collectOnce, openLayerIndex, removeImage } from '@entrepot/content';
import { insertUpload, wantLayers } from '@entrepot/database';
import { LayerIndexWriter, readLayerIndex, summarizeLayer } from '@entrepot/layers';
import { createLogger } from '@entrepot/observability';
import { type Digest, isCodedError } from '@entrepot/oci';
import {
  buildImage,
  type ContentLab,
  checkInvariants,
  deterministicBytes,
  type LayerRecipe,
  openContentLab,
  pullImage,
} from '@entrepot/testing';
import { analyseLayer } from './analyse-layer.js';
import { type LayerReader, LayerUnreadableError } from './layer-thread.js';
import { pause } from './periodic.js';

describe('analysing a layer', () => {
  let lab: ContentLab;
  const logger = createLogger({ service: 'test', level: 'silent' });
  const signal = new AbortController().signal;

  beforeAll(async () => {
    lab = await openContentLab();
  });
  afterAll(() => lab.close());

  /** Reads in this thread; the thread itself has a test of its own. */
  const layers: LayerReader = {
    read: async (storageKey, takePart) => {
      const source: Readable = await lab.context.store.open(storageKey);
      const index = new LayerIndexWriter(takePart);
      try {
        const summary = await summarizeLayer(source, {}, { onIndexed: (entry) => index.write(entry) });
        await index.end();
        return { ...summary, packages: [] };
      } catch (error) {
        throw new LayerUnreadableError((error as Error).message, isCodedError(error) ? error.code : 'X', false);
      }
    },
    close: async () => {},
  };

  const analyse = (digest: Digest) => analyseLayer({ content: lab.context, layers, logger }, { digest }, { signal });

  async function pullWith(reference: string, layer: LayerRecipe) {
    const image = await buildImage({ layers: [layer] });
    await pullImage(lab.context, image, { reference });
    const digest = image.layers[0]?.descriptor.digest as Digest;
    const state = async () => {
      const [blob] = await lab.context.database.prisma.$queryRaw<Record<string, unknown>[]>`
        select diff_id, content_bytes::int, entry_count, analysis_error, analysed_at is not null as done
          from blob where digest = ${digest}`;
      const [row] = await lab.context.database.prisma.$queryRaw<{ broken: string | null }[]>`
        select broken_reason as broken from image where id = ${image.config.digest}`;
      return { ...blob, broken: row?.broken };
    };
    return { image, digest, state };
  }

  it('reads a layer once, although two jobs ask for it', async () => {
    const { digest, state } = await pullWith('docker.io/library/twice:1', { entries: [{ name: 'f', content: 'f' }] });
    const outcomes = await Promise.all([analyse(digest), analyse(digest)]);
    expect(outcomes.filter((outcome) => outcome !== undefined)).toEqual([{ retryAt: expect.any(Date) }]);
    expect(await state()).toMatchObject({ done: true, entry_count: 1 });
    expect(await analyse(digest)).toBeUndefined();
  });

  it('learns the diff id and the size of what is inside', async () => {
    const { digest, state, image } = await pullWith('docker.io/library/plain:1', {
      entries: [
        { name: 'etc/', type: 'directory' },
        { name: 'etc/a', content: 'hello' },
      ],
    });
    await analyse(digest);
    expect(await state()).toEqual({
      diff_id: image.layers[0]?.diffId,
      content_bytes: 5,
      entry_count: 2,
      analysis_error: null,
      done: true,
      broken: null,
    });
  });

  it('marks the images that promise another diff id', async () => {
    const lie = `sha256:${'1'.repeat(64)}` as Digest;
    const { digest, state } = await pullWith('docker.io/library/liar:1', {
      entries: [{ name: 'b', content: 'lies' }],
      lie: { diffId: lie },
    });
    await analyse(digest);
    expect(await state()).toMatchObject({
      done: true,
      broken: expect.stringContaining("don't match image configuration"),
    });
  });

  it('marks the images of a layer that is no tar, and asks no more', async () => {
    const { digest, state } = await pullWith('docker.io/library/junk:1', { tar: deterministicBytes(3000, 'junk') });
    await analyse(digest);
    expect(await state()).toMatchObject({ done: true, broken: expect.stringMatching(/tar/) });
    await analyse(digest);
  });

  it('lets transfers go first, but not for ever', async () => {
    const { digest, state } = await pullWith('docker.io/library/patient:1', { entries: [{ name: 'c', content: 'c' }] });
    const { prisma } = lab.context.database;
    await insertUpload(prisma, { storageKey: 'k', sizeBytes: 1, owner: 'o', ttlMs: 60_000 });
    await prisma.$executeRaw`
      insert into blob_fetch (digest, size_bytes, state, lease_until) values ('sha256:x', 1, 'running', now() + interval '1 minute')`;
    const analysed = analyse(digest);
    await pause(200, signal);
    expect(await state()).toMatchObject({ done: false });
    await prisma.$executeRaw`update blob set created_at = now() - interval '2 minutes' where digest = ${digest}`;
    await analysed;
    expect(await state()).toMatchObject({ done: true });
  });

  it('ends at once when it is told to while transfers go first', async () => {
    const { digest, state } = await pullWith('docker.io/library/told:1', { entries: [{ name: 'e', content: 'e' }] });
    const stopping = new AbortController();
    const analysed = analyseLayer({ content: lab.context, layers, logger }, { digest }, { signal: stopping.signal });
    stopping.abort(new Error('the worker closes'));
    await expect(analysed).rejects.toThrow('the worker closes');
    expect(await state()).toMatchObject({ done: false });
  });

  it('does not wait for transfers when somebody waits for it', async () => {
    const { digest, state } = await pullWith('docker.io/library/wanted:1', { entries: [{ name: 'd', content: 'd' }] });
    const analysed = analyse(digest);
    await pause(200, signal);
    expect(await state()).toMatchObject({ done: false });
    expect(await wantLayers(lab.context.database.prisma, [digest])).toMatchObject([{ digest, analysed: false }]);
    await analysed;
    expect(await state()).toMatchObject({ done: true });
  });

  it('keeps an index that goes with its layer', async () => {
    const { image, digest } = await pullWith('docker.io/library/indexed:1', {
      entries: [
        { name: 'etc/', type: 'directory' },
        { name: 'etc/passwd', content: 'root' },
      ],
    });
    const { prisma } = lab.context.database;
    await prisma.$executeRaw`delete from blob_fetch`;
    await analyse(digest);
    const paths: string[] = [];
    for await (const { path } of readLayerIndex(openLayerIndex(lab.context, digest))) paths.push(path);
    expect(paths).toEqual(['etc', 'etc/passwd']);
    await collectOnce(lab.context, { collectAfterMs: 0 });
    expect(await prisma.layerIndex.count({ where: { layerDigest: digest } })).toBe(1);
    await removeImage(lab.context, image.config.digest, { force: true });
    await collectOnce(lab.context, { collectAfterMs: 0 });
    expect(await prisma.layerIndex.count({ where: { layerDigest: digest } })).toBe(0);
    expect(await checkInvariants(lab.context.database, lab.context.store)).toEqual([]);
  });

  it('does nothing about a blob that is gone', async () => {
    expect(await analyse(`sha256:${'e'.repeat(64)}`)).toBeUndefined();
  });
});
