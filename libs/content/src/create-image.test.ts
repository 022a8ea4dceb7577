import { gunzipSync } from 'node:zlib';
import { type Digest, digestOf, MEDIA_TYPES, parseManifest, printImageConfig } from '@entrepot/oci';
import { type ContentLab, checkInvariants, openContentLab } from '@entrepot/testing';
import { collectOnce } from './collect.js';
import { createImage } from './create-image.js';
import { releaseLeases } from './leasing.js';
import { readBlob } from './read-blob.js';
import { removeImage } from './release.js';
import { storeLayer } from './store-layer.js';

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
    expect(again).toEqual(layer);
    const packed = await readBlob(lab.context, layer.descriptor.digest, 100_000);
    expect(packed.length).toBe(layer.descriptor.sizeBytes);
    expect(gunzipSync(packed).equals(bytes)).toBe(true);
    // No time in the header.
    expect(packed.readUInt32LE(4)).toBe(0);
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
    const layer = await layerOf(Buffer.from('base layer'));
    const base = await make(layer.descriptor.digest, 'base', null);
    const child = await make(layer.descriptor.digest, 'child', base.imageId);
    expect(await make(layer.descriptor.digest, 'child', base.imageId)).toMatchObject({ imageId: child.imageId });
    expect(await prisma.image.findUnique({ where: { id: child.imageId } })).toMatchObject({ parentId: base.imageId });
    const row = await prisma.manifest.findUniqueOrThrow({ where: { digest: child.manifestDigest } });
    const manifest = parseManifest(row.bytes, row.mediaType);
    expect(manifest).toMatchObject({ kind: 'image', layers: [{ mediaType: MEDIA_TYPES.ociLayerGzip }] });
    const events = await prisma.event.findMany({ where: { actorId: child.imageId }, orderBy: { id: 'asc' } });
    expect(events.map(({ action }) => action)).toEqual(['tag', 'tag']);
    expect(events[0]?.attributes).toEqual({ a: 'b', name: 'lab/child:1' });
    await releaseLeases(lab.context, owner);
    await removeImage(lab.context, 'lab/child:1');
    await removeImage(lab.context, 'lab/base:1');
    await collectOnce(lab.context, { collectAfterMs: 0 });
    expect(await prisma.blob.count()).toBe(0);
  });

  async function make(layer: Digest, name: string, parentId: Digest | null) {
    const config = printImageConfig({
      architecture: 'amd64',
      os: 'linux',
      created: new Date(0),
      config: { Labels: { a: 'b' } },
      diffIds: [digestOf(Buffer.from('base layer'))],
      history: [{ createdBy: name, emptyLayer: false }],
    });
    // As in a Docker manifest: the image made here names it by its OCI type.
    const layers = [{ mediaType: MEDIA_TYPES.dockerLayerGzip, digest: layer, sizeBytes: 30 }];
    const names = [{ repository: `docker.io/lab/${name}`, tag: '1' }];
    return createImage(lab.context, { config, layers, names, parentId }, { owner, action: 'made' });
  }
});

async function* chunksOf(chunks: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* chunks;
}
