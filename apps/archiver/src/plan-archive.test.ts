import { decodePlan, planBlobs } from '@entrepot/archive';
import { findArchive, insertArchive } from '@entrepot/database';
import { createLogger } from '@entrepot/observability';
import { type BuiltImage, buildImage, buildIndex, type ContentLab, openContentLab, pullImage } from '@entrepot/testing';
import { planArchive } from './plan-archive.js';

describe('planning an archive', () => {
  let lab: ContentLab;
  const logger = createLogger({ service: 'test', level: 'silent' });

  beforeAll(async () => {
    lab = await openContentLab();
  });
  afterAll(() => lab.close());

  const build = (layers: string[], platform?: string): Promise<BuiltImage> =>
    buildImage({ platform, layers: layers.map((content) => [{ name: 'file', content }]) });

  async function put(layers: string[], ...names: string[]): Promise<BuiltImage> {
    const image = await build(layers);
    for (const name of names) await pullImage(lab.context, image, { reference: `docker.io/${name}` });
    return image;
  }

  /** Plans and says what came of it: the tags in the archive and how many blobs, or why not. */
  async function plan(names: string[], platform: string | null = null) {
    const { database } = lab.context;
    const archiveId = await insertArchive(database.prisma, { request: { names, platform }, ttlMs: 60_000 });
    await planArchive({ database, logger }, { archiveId });
    const row = await findArchive(database.prisma, archiveId);
    if (row?.state === 'failed') return row.error;
    const plan = row?.plan as { archive: unknown; imageIds: string[] } | null | undefined;
    if (!plan) throw new Error(`archive ${archiveId} has no plan`);
    const { archive, imageIds } = plan;
    const decoded = decodePlan(archive);
    return {
      archiveId,
      tags: tagsIn(decoded.segments),
      blobs: planBlobs(decoded).length,
      imageIds,
      etag: decoded.etag,
    };
  }

  /** The documents come first, so all of them are in the first piece of bytes. */
  function tagsIn(segments: readonly { kind: string; bytes?: Buffer }[]): unknown {
    const text = segments[0]?.bytes?.toString('latin1') ?? '';
    const documents = JSON.parse(/\[\{"Config".*?\}\]/.exec(text)?.[0] ?? '[]') as { RepoTags: string[] | null }[];
    return documents.map(({ RepoTags }) => RepoTags);
  }

  it('takes a tag, all tags of a repository, or an image without a name, by the rules of docker save', async () => {
    const one = await put(['a', 'b'], 'save/app:1', 'save/app:2');
    await put(['a', 'c'], 'save/app:3');
    const id = one.config.digest;
    const short = id.slice('sha256:'.length, 'sha256:'.length + 12);
    expect(await plan(['save/app:2'])).toMatchObject({ tags: [['save/app:2']], blobs: 3, imageIds: [id] });
    expect(await plan(['save/app'])).toMatchObject({ tags: [['save/app:1', 'save/app:2'], ['save/app:3']], blobs: 5 });
    for (const name of [id, id.slice(7), short, id.slice(0, 20), `save/app@${one.digest}`]) {
      expect(await plan([name])).toMatchObject({ tags: [null], imageIds: [id] });
    }
    expect(await plan([short, 'save/app:1', 'save/app:1'])).toMatchObject({ tags: [['save/app:1']] });
  });

  it.each([
    ['save/none:1', 'reference does not exist'],
    ['save/none', 'reference does not exist'],
    ['feedfeedfeed', 'reference does not exist'],
    [`sha256:${'0'.repeat(64)}`, 'reference does not exist'],
    [`save/app@sha256:${'0'.repeat(64)}`, 'reference does not exist'],
    ['Bad/Name', 'invalid reference format: repository name (Name) must be lowercase'],
  ])('refuses %s: %s', async (name, message) => {
    expect(await plan(['save/app:1', name])).toMatchObject({ message: message });
  });

  it('makes the same archive of the same images every time', async () => {
    const [first, second] = [await plan(['save/app']), await plan(['save/app'])];
    expect(first).toMatchObject({ etag: (second as { etag: string }).etag });
  });

  it('takes the index with all platforms that are here, or one platform alone', async () => {
    const amd64 = await build(['x']);
    const arm64 = await build(['y'], 'linux/arm64');
    const index = buildIndex({ images: [amd64, arm64, await build(['z'], 'linux/arm/v7')] });
    for (const image of [arm64, amd64])
      await pullImage(lab.context, image, { index, reference: 'docker.io/save/multi:1' });
    expect(await plan(['save/multi:1'])).toMatchObject({ tags: [['save/multi:1']], blobs: 4 });
    expect(await plan([`save/multi@${index.digest}`])).toMatchObject({ tags: [null], blobs: 4 });
    expect(await plan(['save/multi:1'], 'linux/arm64')).toMatchObject({ blobs: 2, imageIds: [arm64.config.digest] });
    expect(await plan(['save/multi:1'], 'linux/arm/v7')).toEqual({
      code: 'NO_EXPORT_TARGET',
      message: 'no suitable export target found for platform linux/arm/v7',
    });
  });

  it('keeps the blobs for whoever asked', async () => {
    const { archiveId } = (await plan(['save/app:1'])) as { archiveId: string };
    const leases = await lab.context.database.prisma.$queryRaw`
      select count(*)::int as count from blob_lease where owner = ${`archive:${archiveId}`} and expires_at > now()`;
    expect(leases).toEqual([{ count: 3 }]);
  });
});
