import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { type Digest, digestOf, MEDIA_TYPES, parseManifest, printImageConfig } from '@entrepot/oci';
import { type ContentLab, checkInvariants, deterministicBytes, openContentLab } from '@entrepot/testing';
import { collectOnce } from './collect.js';
import { createImage, type NewImage } from './create-image.js';
import { removeImage } from './release.js';
import { type StoredLayer, storeLayer } from './store-layer.js';

const owner = 'made:test';

describe('what is made here', () => {
  let lab: ContentLab;
  beforeAll(async () => {
    lab = await openContentLab();
  });
  afterEach(async () => {
    expect(await checkInvariants(lab.context.database, lab.context.store, { hashes: true })).toEqual([]);
  });
  afterAll(() => lab.close());

  const layerOf = (...chunks: Buffer[]) => storeLayer(lab.context, chunksOf(chunks), { owner });

  it('packs a layer into one blob, whatever pieces it comes in, and knows its diff id', async () => {
    const bytes = Buffer.alloc(3_000_000, 'layer ');
    const layer = await layerOf(bytes);
    const again = await layerOf(bytes.subarray(0, 1000), bytes.subarray(1000));
    expect(layer).toMatchObject({ diffId: digestOf(bytes), uncompressedBytes: bytes.length });
    expect(again.descriptor).toEqual(layer.descriptor);
    const packed = await readStored(layer);
    await Promise.all([layer.discard(), again.discard()]);
    expect(packed.length).toBe(layer.descriptor.sizeBytes);
    expect(gunzipSync(packed).equals(bytes)).toBe(true);
    // No time in the header.
    expect(packed.readUInt32LE(4)).toBe(0);
  });

  it('stores what is packed already as it is, and packs what comes before and after', async () => {
    const dense = deterministicBytes(600_000);
    const bytes = Buffer.concat([Buffer.alloc(300_000, 'text '), dense, Buffer.alloc(700_000, 'text ')]);
    const layer = await layerOf(bytes);
    const again = await layerOf(
      ...Array.from({ length: 160 }, (_, at) => bytes.subarray(at * 10_000, (at + 1) * 10_000)),
    );
    const packed = await readStored(layer);
    await Promise.all([layer.discard(), again.discard()]);
    expect(again.descriptor).toEqual(layer.descriptor);
    expect(gunzipSync(packed).equals(bytes)).toBe(true);
    // As it is, the dense part is to be found, but for the borders of stored blocks.
    expect(packed.includes(dense.subarray(300_000, 310_000))).toBe(true);
    expect(packed.length).toBeLessThan(dense.length * 1.25);
  });

  it('leaves nothing behind when the source fails', async () => {
    const before = await lab.context.database.prisma.blob.count();
    const failing = async function* () {
      yield Buffer.from('half');
      throw new Error('the client went away');
    };
    await expect(storeLayer(lab.context, failing(), { owner })).rejects.toThrow('the client went away');
    expect(await lab.context.database.prisma.upload.count()).toBe(0);
    expect(await lab.context.database.prisma.blob.count()).toBe(before);
  });

  it('publishes an image with its names, its parent and its events; the same again is the same', async () => {
    const { prisma } = lab.context.database;
    const added = await layerOf(Buffer.from('base layer'));
    const base = await make({ below: [], added }, 'base', null);
    // As in a Docker manifest: the image made here names it by its OCI type.
    const below = [{ ...added.descriptor, mediaType: MEDIA_TYPES.dockerLayerGzip }];
    const child = await make({ below, added: null }, 'child', base.imageId);
    expect(await make({ below, added: null }, 'child', base.imageId)).toMatchObject({ imageId: child.imageId });
    expect(await prisma.image.findUnique({ where: { id: child.imageId } })).toMatchObject({ parentId: base.imageId });
    const row = await prisma.manifest.findUniqueOrThrow({ where: { digest: child.manifestDigest } });
    const manifest = parseManifest(row.bytes, row.mediaType);
    expect(manifest).toMatchObject({ kind: 'image', layers: [{ mediaType: MEDIA_TYPES.ociLayerGzip }] });
    const events = await prisma.event.findMany({ where: { actorId: child.imageId }, orderBy: { id: 'asc' } });
    expect(events.map(({ action }) => action)).toEqual(['tag', 'tag']);
    expect(events[0]?.attributes).toEqual({ a: 'b', name: 'lab/child:1' });
    await removeImage(lab.context, 'lab/child:1');
    await removeImage(lab.context, 'lab/base:1');
    await collectOnce(lab.context, { collectAfterMs: 0 });
    expect(await prisma.blob.count()).toBe(0);
  });

  it('keeps neither layer nor config of an image that is not made', async () => {
    const { prisma } = lab.context.database;
    const before = await prisma.blob.count();
    const added = await layerOf(Buffer.from('a layer that no image gets'));
    const below = [{ mediaType: MEDIA_TYPES.ociLayerGzip, digest: digestOf(Buffer.from('gone')), sizeBytes: 30 }];
    await expect(make({ below, added }, 'never', null)).rejects.toThrow();
    expect(await prisma.upload.count()).toBe(0);
    expect(await prisma.blob.count()).toBe(before);
  });

  const readStored = async ({ object }: StoredLayer): Promise<Buffer> =>
    buffer(await lab.context.store.open((await object).storageKey));

  async function make(layers: Pick<NewImage, 'below' | 'added'>, name: string, parentId: Digest | null) {
    const config = printImageConfig({
      architecture: 'amd64',
      os: 'linux',
      created: new Date(0),
      config: { Labels: { a: 'b' } },
      diffIds: [digestOf(Buffer.from('base layer'))],
      history: [{ createdBy: name, emptyLayer: false }],
    });
    const names = [{ repository: `docker.io/lab/${name}`, tag: '1' }];
    return createImage(lab.context, { config, ...layers, names, parentId }, { owner, action: 'made' });
  }
});

async function* chunksOf(chunks: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* chunks;
}
