import { pullProgress } from '@entrepot/database';
import { buildImage, buildIndex, type ContentLab, checkInvariants, openContentLab, pullImage } from '@entrepot/testing';
import { publishPull } from './publish-pull.js';

describe('publishing a pull', () => {
  let lab: ContentLab;
  beforeAll(async () => {
    lab = await openContentLab();
  });
  afterAll(() => lab.close());
  const { prisma } = { get prisma() { return lab.context.database.prisma; } } as { prisma: ContentLab['context']['database']['prisma'] };

  it('makes the image visible with its names', async () => {
    const image = await buildImage({ config: { Labels: { team: 'a' } } });
    const { pullId, ...published } = await pullImage(lab.context, image);
    expect(published).toEqual({ state: 'done', outcome: 'downloaded', layers: image.blobs.map((b) => b.digest) });
    expect(await prisma.tag.findMany({ include: { repository: true } })).toMatchObject([
      { name: '1', targetDigest: image.digest, imageId: image.config.digest, repository: { familiar: 'lab' } },
    ]);
    expect(pullId).toBeDefined();
  });
});
