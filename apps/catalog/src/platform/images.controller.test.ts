import { endpoints } from '@entrepot/platform-api';
import { createTestDatabase, type SeededImage, seedImage } from '@entrepot/testing';
import { type ApiFixture, openApi } from './api-fixture.js';

const { listImages, getImage, getImageHistory, tagImage, removeImage, removeImages, pruneImages } = endpoints;
const { listTags, listTagMoves, listEvents, getDiskUsage } = endpoints;

describe('images by the platform API', () => {
  let api: ApiFixture;
  let base: SeededImage;
  let app: SeededImage;
  let loose: SeededImage;

  beforeEach(async () => {
    api = await openApi(await createTestDatabase());
    await api.catalog.database.transaction(async (tx) => {
      const created = '2023-11-14T22:15:00Z';
      base = await seedImage(tx, {
        layers: ['os=5000'],
        created,
        labels: { tier: 'base' },
        names: ['team/base:1', 'team/base:1.0'],
      });
      app = await seedImage(tx, {
        ...{ layers: ['os=5000', 'app=700'], created: '2023-11-15T00:00:00.123456Z', labels: { tier: 'app' } },
        names: ['reg.example.com/team/app:2'],
      });
      loose = await seedImage(tx, { layers: ['d=7'], created: '2023-11-13T00:00:00Z', isLoaded: true });
    });
  });

  afterEach(() => api.close());

  const ids = async (query: Parameters<typeof list>[0] = {}) => (await list(query)).map(({ id }) => id);
  const list = async (query: NonNullable<Parameters<typeof api.call<typeof listImages>>[1]['query']>) =>
    (await api.call(listImages, { query })).items;

  it('are listed newest first, each with its size and platform', async () => {
    expect(await list({})).toMatchObject([
      { id: app.id, tags: ['reg.example.com/team/app:2'], sizeBytes: 5700, platform: 'linux/amd64' },
      { id: base.id, tags: ['team/base:1', 'team/base:1.0'], createdAt: '2023-11-14T22:15:00.000Z' },
      { id: loose.id, tags: [], digests: [] },
    ]);
  });

  it('are narrowed by every filter of docker images', async () => {
    expect(await ids({ label: ['tier=base'] })).toEqual([base.id]);
    expect(await ids({ label: ['tier', 'tier=app'] })).toEqual([app.id]);
    expect(await ids({ dangling: true })).toEqual([loose.id]);
    expect(await ids({ dangling: false })).toEqual([app.id, base.id]);
    expect(await ids({ reference: ['team/*', 'reg.example.com/*/app'] })).toEqual([app.id, base.id]);
    expect(await ids({ before: ['team/base:1'] })).toEqual([loose.id]);
    expect(await ids({ since: ['team/base:1'] })).toEqual([app.id]);
    expect(await ids({ until: '2023-11-14T00:00:00Z' })).toEqual([loose.id]);
    expect((await list({ reference: ['team/base:1.0'] }))[0]?.tags).toEqual(['team/base:1.0']);
  });

  it('are removed together or not at all, as a dry run has told', async () => {
    const names = ['team/base:1', 'team/base:1.0', 'reg.example.com/team/app:2'];
    const refused = await api.refusal(removeImages, { body: { images: [...names, 'none:1'] } });
    expect(refused).toMatchObject({ status: 404, code: 'IMAGE_NOT_FOUND' });
    const alone = await api.call(removeImages, { body: { images: names.slice(0, 2), dryRun: true } });
    const preview = await api.call(removeImages, { body: { images: names, dryRun: true } });
    // What both share goes only with both.
    expect(preview.freedBlobs).toBeGreaterThan(alone.freedBlobs + 1);
    expect(await ids()).toEqual([app.id, base.id, loose.id]);
    expect(await api.call(removeImages, { body: { images: names } })).toEqual({ ...preview, dryRun: false });
    expect(await ids()).toEqual([loose.id]);
  });

  it.each([
    ['created', 'desc'],
    ['created', 'asc'],
    ['name', 'asc'],
    ['name', 'desc'],
    ['size', 'desc'],
    ['size', 'asc'],
  ] as const)('come in pages by %s, %s, without a gap or a repetition', async (sort, order) => {
    const whole = await ids({ sort, order });
    const paged: string[] = [];
    for (let cursor: string | undefined; ; ) {
      const page = await api.call(listImages, { query: { sort, order, limit: 1, cursor } });
      paged.push(...page.items.map(({ id }) => id));
      if (page.nextCursor === null) break;
      cursor = page.nextCursor;
    }
    expect(paged).toEqual(whole);
    expect(whole).toEqual(expect.arrayContaining([app.id, base.id, loose.id]));
    const sorted = { created: [loose, base, app], name: [app, base, loose], size: [loose, base, app] }[sort];
    expect(whole).toEqual((order === 'asc' ? sorted : sorted.toReversed()).map(({ id }) => id));
  });

  it.each([
    [{ label: ['a'], cursor: 'nonsense' }, 'INVALID_REQUEST'],
    [{ cursor: Buffer.from('["size",true,"1","x"]').toString('base64url') }, 'INVALID_REQUEST'],
    [{ limit: 0 }, 'INVALID_REQUEST'],
    [{ limit: 1001 }, 'INVALID_REQUEST'],
    [{ until: 'yesterday' }, 'INVALID_REQUEST'],
    [{ reference: ['[bad'] }, 'INVALID_PATTERN'],
    [{ before: ['nope:1'] }, 'IMAGE_NOT_FOUND'],
  ])('refuse %j', async (query, code) => {
    expect(await api.refusal(listImages, { query })).toMatchObject({ code });
  });

  it('are inspected, with the document that docker prints', async () => {
    expect(await api.call(getImage, { params: { name: 'reg.example.com/team/app:2' } })).toMatchObject({
      ...{ id: app.id, sizeBytes: 5700, labels: { tier: 'app' }, target: { digest: app.manifest } },
      layers: [{ sizeBytes: 5000 }, { sizeBytes: 700 }],
      docker: { Id: app.id, RepoTags: ['reg.example.com/team/app:2'], Architecture: 'amd64' },
    });
    const { steps } = await api.call(getImageHistory, { params: { name: app.id } });
    expect(steps.map(({ createdBy, sizeBytes }) => [createdBy, sizeBytes])).toEqual([
      ['COPY app /', 700],
      ['COPY os /', 5000],
    ]);
    const wrong = { params: { name: app.id }, query: { platform: 'linux/arm64' } };
    expect(await api.refusal(getImage, wrong)).toMatchObject({ status: 404, code: 'PLATFORM_NOT_FOUND' });
    expect(await api.refusal(getImage, { ...wrong, query: { platform: 'a/b/c/d' } })).toMatchObject({
      errors: [{ in: 'query', field: 'platform', message: 'expected a platform like linux/arm64' }],
    });
  });

  it('get names, whose moves are remembered with who moved them', async () => {
    expect(await api.call(tagImage, { params: { name: app.id }, body: { name: 'team/base:1' } })).toEqual({
      name: 'team/base:1',
    });
    expect(await api.call(listTagMoves, { query: { name: 'team/base:1' } })).toMatchObject({
      items: [
        { from: base.manifest, to: app.manifest },
        { from: null, to: base.manifest },
      ],
    });
    const { items } = await api.call(listEvents, { query: { action: ['tag'], limit: 1 } });
    expect(items).toMatchObject([
      { type: 'image', subject: app.id, caller: 'local', change: { from: base.manifest, to: app.manifest } },
    ]);
    const tags = await api.call(listTags, { query: { limit: 2 } });
    expect(tags.items.map(({ name }) => name)).toEqual(['team/base:1', 'team/base:1.0']);
    const rest = await api.call(listTags, { query: { limit: 2, cursor: tags.nextCursor as string } });
    expect([rest.items.map(({ name }) => name), rest.nextCursor]).toEqual([['reg.example.com/team/app:2'], null]);
    expect((await api.call(listTags, { query: { repository: 'team/base' } })).items).toHaveLength(2);
    const withDigest = { params: { name: app.id }, body: { name: `x@${app.id}` } };
    expect(await api.refusal(tagImage, withDigest)).toMatchObject({ code: 'INVALID_REFERENCE' });
  });

  it('are removed exactly as the preview said, which changed nothing', async () => {
    const name = { name: 'reg.example.com/team/app:2' };
    const before = await api.call(getDiskUsage, { query: { verbose: true } });
    const preview = await api.call(removeImage, { params: name, query: { dryRun: true } });
    expect(await api.call(getDiskUsage, { query: { verbose: true } })).toEqual(before);
    expect((await api.call(listEvents, {})).items).toEqual([]);
    const done = await api.call(removeImage, { params: name });
    expect(done).toEqual({ ...preview, dryRun: false });
    // Its config and its own layer; the other layer is needed by another image.
    expect([done.freedBlobs, done.freedBytes]).toEqual([2, 20]);
    expect((await api.call(getDiskUsage, {})).collectableBytes - before.collectableBytes).toBe(20);
    expect(done.untagged[0]).toBe('reg.example.com/team/app:2');
    const { items } = await api.call(listEvents, {});
    expect(items.map(({ action, caller, change }) => [action, caller, change?.to])).toEqual([
      ['delete', 'local', null],
      ['untag', 'local', null],
    ]);
  });

  it('are not removed against the rules, in a preview as little', async () => {
    const params = { name: base.id };
    await api.call(tagImage, { params, body: { name: 'other/base:1' } });
    for (const dryRun of [true, false]) {
      expect(await api.refusal(removeImage, { params, query: { dryRun } })).toMatchObject({
        ...{ status: 409, code: 'IMAGE_CONFLICT' },
        detail: expect.stringContaining('image is referenced in multiple repositories'),
      });
    }
    expect((await api.call(removeImage, { params, query: { force: true } })).deleted[0]).toBe(base.id);
    expect(await api.refusal(removeImage, { params: { name: 'nope:1' } })).toMatchObject({ code: 'IMAGE_NOT_FOUND' });
  });

  it('are pruned exactly as the preview said', async () => {
    for (const body of [{}, { all: true, label: ['tier=app'] }]) {
      const preview = await api.call(pruneImages, { body: { ...body, dryRun: true } });
      const count = (await ids()).length;
      const done = await api.call(pruneImages, { body });
      expect([done, (await ids()).length]).toEqual([{ ...preview, dryRun: false }, count - 1]);
    }
    expect(await ids()).toEqual([base.id]);
    expect(await api.refusal(pruneImages, { body: { until: 'soon' } })).toMatchObject({
      errors: [{ in: 'body', field: 'until' }],
    });
  });
});
