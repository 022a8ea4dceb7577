import { generateKeyPairSync } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { type ArchivePlan, decodePlan, planArchive as planSegments, sliceSegments } from '@entrepot/archive';
import { collectOnce, openBlob, removeImage } from '@entrepot/content';
import { findArchive, insertArchive, listArtifacts } from '@entrepot/database';
import type { JobQueue } from '@entrepot/jobs';
import { createLogger } from '@entrepot/observability';
import { type Digest, parsePlatform } from '@entrepot/oci';
import {
  attachment,
  type BuiltImage,
  buildArtifact,
  buildImage,
  buildIndex,
  buildTar,
  type ContentLab,
  checkInvariants,
  type LayerEntry,
  openContentLab,
  pullImage,
  signBundle,
} from '@entrepot/testing';
import { planArchive } from '../plan-archive.js';
import { loadArchive } from './load-archive.js';
import type { LoadMessage } from './load-messages.js';

describe('loading an archive', () => {
  const labs: ContentLab[] = [];
  const logger = createLogger({ service: 'test', level: 'silent' });
  const queue = { enqueueMany: async () => {} } as unknown as JobQueue;
  let lab: ContentLab;

  beforeEach(async () => {
    lab = await openLab();
  });
  afterAll(() => Promise.all(labs.map((it) => it.close())));

  async function openLab(): Promise<ContentLab> {
    const opened = await openContentLab();
    labs.push(opened);
    return opened;
  }

  async function load(bytes: Buffer, options: { platform?: string; quiet?: boolean; into?: ContentLab } = {}) {
    const said: LoadMessage[] = [];
    const pieces = Array.from({ length: Math.ceil(bytes.length / 9000) }, (_, i) =>
      bytes.subarray(i * 9000, (i + 1) * 9000),
    );
    await loadArchive(
      { content: (options.into ?? lab).context, queue, logger },
      Readable.from(pieces, { objectMode: false }),
      {
        quiet: options.quiet ?? true,
        platform: options.platform ? parsePlatform(options.platform) : null,
        say: (message) => said.push(message),
      },
    );
    return said.map(({ stream }) => stream);
  }

  /** What `docker save` of these names gives, by way of plan and store. */
  async function save(...names: string[]): Promise<Buffer> {
    const { database } = lab.context;
    const archiveId = await insertArchive(database.prisma, { request: { names, platform: null }, ttlMs: 60_000 });
    await planArchive({ database, logger }, { archiveId });
    const row = await findArchive(database.prisma, archiveId);
    const plan = decodePlan((row?.plan as { archive: unknown } | undefined)?.archive);
    return render(plan, async (digest, slice) => buffer(await openBlob(lab.context, digest, slice)));
  }

  async function render(
    plan: ArchivePlan,
    read: (digest: Digest, range: { fromByte: number; toByte: number }) => Promise<Buffer>,
  ): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for (const slice of sliceSegments(plan)) {
      if (slice.kind === 'bytes') pieces.push(slice.bytes);
      else if (slice.kind === 'zeros') pieces.push(Buffer.alloc(slice.sizeBytes));
      else pieces.push(await read(slice.digest, slice));
    }
    return Buffer.concat(pieces);
  }

  async function tables(of = lab) {
    const { prisma } = of.context.database;
    const count = async (sql: string): Promise<number> =>
      Number((await prisma.$queryRawUnsafe<{ n: number }[]>(sql))[0]?.n);
    return {
      blobs: await count('select count(*)::int n from blob'),
      images: await count('select count(*)::int n from image'),
      tags: await count('select count(*)::int n from tag'),
    };
  }

  /** As docker 20.10 saves an image: layers unpacked, in folders, no manifests. */
  async function legacyArchive(
    image: BuiltImage,
    tags: string[] | null,
    change: (entries: LayerEntry[]) => LayerEntry[] = (it) => it,
  ) {
    const config = `${image.config.digest.slice(7)}.json`;
    const layers = image.layers.map((_, i) => `layer${i}/layer.tar`);
    const manifest = [{ Config: config, RepoTags: tags, Layers: layers }];
    return buildTar(
      change([
        { name: config, content: image.config.bytes },
        ...image.layers.flatMap((layer, i) => [
          { name: `layer${i}/VERSION`, content: '1.0' },
          { name: `layer${i}/json`, content: '{"id":"x"}' },
          { name: layers[i] as string, content: layer.tar },
        ]),
        { name: 'manifest.json', content: JSON.stringify(manifest) },
      ]),
    );
  }

  const twoLayers = (extra = '') =>
    buildImage({
      layers: [[{ name: 'base', content: 'base'.repeat(3000) }], [{ name: 'top', content: `top${extra}` }]],
    });

  it('takes the archive of an old docker, and keeps nothing twice', async () => {
    const archive = await legacyArchive(await twoLayers(), ['old/app:1', 'old/app:2']);
    expect(await load(archive)).toEqual(['Loaded image: old/app:1\n', 'Loaded image: old/app:2\n']);
    expect(await tables()).toEqual({ blobs: 3, images: 1, tags: 2 });
    expect(await load(gzipSync(archive))).toEqual(['Loaded image: old/app:1\n', 'Loaded image: old/app:2\n']);
    expect(await tables()).toEqual({ blobs: 3, images: 1, tags: 2 });
  });

  it('names an image without tags by its id', async () => {
    const image = await twoLayers('untagged');
    expect(await load(await legacyArchive(image, null))).toEqual([`Loaded image ID: ${image.config.digest}\n`]);
  });

  it('says when a tag leaves another image', async () => {
    const [first, second] = [await twoLayers('1'), await twoLayers('2')];
    await load(await legacyArchive(first, ['moved:1']));
    expect(await load(await legacyArchive(second, ['moved:1']))).toEqual([
      `The image moved:1 already exists, renaming the old one with ID ${first.config.digest} to empty string\n`,
      'Loaded image: moved:1\n',
    ]);
  });

  it('keeps the manifest with which an image was pulled', async () => {
    const image = await twoLayers('pulled');
    await pullImage(lab.context, image, { reference: 'docker.io/library/pulled:1' });
    const before = await tables();
    await load(await legacyArchive(image, ['copy:1']));
    expect(await tables()).toEqual({ ...before, tags: before.tags + 1 });
    const { prisma } = lab.context.database;
    const shown = await prisma.$queryRaw`select target_digest as digest from tag where name = '1' group by 1`;
    expect(shown).toEqual([{ digest: image.digest }]);
  });

  it('gives back what was saved: same manifests, same blobs, same ids', async () => {
    const [amd64, arm64] = [await twoLayers('a'), await buildImage({ platform: 'linux/arm64' })];
    const index = buildIndex({
      images: [amd64, arm64, await buildImage({ platform: 'linux/s390x' })],
      attestations: true,
    });
    for (const image of [arm64, amd64])
      await pullImage(lab.context, image, { index, reference: 'docker.io/library/multi:1' });
    const archive = await save('multi:1');
    const other = await openLab();
    expect(await load(archive, { into: other })).toEqual(['Loaded image: multi:1\n']);
    const digests = (of: ContentLab) => of.context.database.prisma.$queryRaw`
      select digest from manifest union select digest from blob union select target_digest from tag order by 1`;
    expect(await digests(other)).toEqual(await digests(lab));
    expect(await checkInvariants(other.context.database, other.context.store, { hashes: true })).toEqual([]);
  });

  it('loads and saves signatures, attestations and SBOMs with their image', async () => {
    const image = await twoLayers('signed');
    const subject = { mediaType: image.mediaType, digest: image.digest, sizeBytes: image.bytes.length };
    const { privateKey: key } = generateKeyPairSync('ed25519');
    const bundle = signBundle({ key, subject });
    const ofBundle = { mediaType: bundle.mediaType, digest: bundle.digest, sizeBytes: bundle.bytes.length };
    const countersigned = signBundle({ key, subject: ofBundle });
    const sbom = attachment('{"spdxVersion":"SPDX-2.3"}', 'text/spdx+json');
    const artifacts = [
      { ...bundle, subject: image.digest },
      { ...countersigned, subject: bundle.digest },
      { ...sbom, subject: image.digest },
    ].toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
    const references = ['docker.io/library/signed:1'];
    const blobs = new Map([image, ...artifacts].flatMap((it) => it.blobs.map(({ digest, bytes }) => [digest, bytes])));
    const plan = planSegments([{ references, target: image, children: [], artifacts, shown: image }]);
    const archive = await render(plan, async (digest) => blobs.get(digest) as Buffer);

    expect(await load(archive)).toEqual(['Loaded image: signed:1\n']);
    const { prisma } = lab.context.database;
    const expected = artifacts.map(({ digest }) => digest);
    expect((await listArtifacts(prisma, image.digest)).map(({ digest }) => digest)).toEqual(expected);
    expect((await save('signed:1')).equals(archive)).toBe(true);
    const other = await openLab();
    await load(archive, { into: other, platform: 'linux/amd64' });
    expect((await listArtifacts(other.context.database.prisma, image.digest)).length).toBe(2);
    await removeImage(lab.context, 'signed:1', {});
    expect(await prisma.manifest.count()).toBe(0);
  });

  it('refuses the archive of a signature alone', async () => {
    const { mediaType, digest, bytes, blobs } = buildArtifact();
    const plan = planSegments([{ references: [], target: { mediaType, digest, bytes }, children: [], shown: null }]);
    const content = new Map(blobs.map((blob) => [blob.digest, blob.bytes]));
    const archive = await render(plan, async (wanted) => content.get(wanted) as Buffer);
    await expect(load(archive)).rejects.toThrow('unsupported media type application/vnd.oci.empty.v1+json');
  });

  it('takes one platform alone, and says when it is not there', async () => {
    const [amd64, arm64] = [await twoLayers('p'), await buildImage({ platform: 'linux/arm64' })];
    const index = buildIndex({ images: [amd64, arm64] });
    for (const image of [arm64, amd64])
      await pullImage(lab.context, image, { index, reference: 'docker.io/library/multi:2' });
    const archive = await save('multi:2');
    const other = await openLab();
    await load(archive, { into: other, platform: 'linux/arm64' });
    expect(await tables(other)).toEqual({ blobs: 2, images: 1, tags: 1 });
    await expect(load(archive, { into: other, platform: 'linux/s390x' })).rejects.toThrow(
      'requested platform (linux/s390x)',
    );
  });

  it('shows progress to those who want it', async () => {
    const said: LoadMessage[] = [];
    const archive = await legacyArchive(await twoLayers('progress'), ['progress:1']);
    await loadArchive({ content: lab.context, queue, logger }, Readable.from([archive], { objectMode: false }), {
      quiet: false,
      platform: null,
      say: (message) => said.push(message),
    });
    const last = said.filter(({ id }) => id === 'layer0').at(-1)?.progressDetail;
    expect(last?.current).toBe(last?.total);
  });

  it.each([
    ['cut', (bytes: Buffer) => bytes.subarray(0, bytes.length - 2500), /ends/],
    ['no tar', () => Buffer.alloc(5000, 'x'), /not a tar/],
    ['empty', () => Buffer.alloc(0), /./],
  ])('changes nothing when the archive is %s', async (_, spoil, message) => {
    const archive = await legacyArchive(await twoLayers('spoilt'), ['spoilt:1']);
    await expect(load(spoil(archive))).rejects.toThrow(message);
    expect(await tables()).toEqual({ blobs: 0, images: 0, tags: 0 });
  });

  it('changes nothing when a layer is another one than its config says, and leaves no bytes behind', async () => {
    const spoil = (entries: LayerEntry[]) =>
      entries.map((entry) => (entry.name === 'layer1/layer.tar' ? { ...entry, content: Buffer.alloc(10_240) } : entry));
    const archive = await legacyArchive(await twoLayers('lie'), ['lie:1'], spoil);
    await expect(load(archive)).rejects.toMatchObject({
      dockerMessage: expect.stringContaining('invalid diffID for layer 1'),
    });
    expect(await tables()).toEqual({ blobs: 0, images: 0, tags: 0 });
    const { prisma } = lab.context.database;
    await prisma.$executeRaw`update upload set expires_at = now()`;
    await collectOnce(lab.context, { collectAfterMs: 0 });
    expect(await checkInvariants(lab.context.database, lab.context.store)).toEqual([]);
    const left: string[] = [];
    for await (const { key } of lab.context.store.list()) left.push(key);
    expect(left).toEqual([]);
  });

  it('refuses the config of another image', async () => {
    const image = await twoLayers('config');
    const archive = await legacyArchive(image, ['x:1'], (entries) => entries.slice(1));
    await expect(load(archive)).rejects.toMatchObject({
      dockerMessage: expect.stringContaining('no such file or directory'),
    });
  });
});
