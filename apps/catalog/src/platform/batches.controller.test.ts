import {
  cancelBatch,
  changeBatch,
  createBatch,
  getBatch,
  getBatchItem,
  listBatches,
  listBatchItems,
  pauseBatch,
  resumeBatch,
  retryBatch,
  watchBatch,
} from '@entrepot/platform-api';
import { createTestDatabase } from '@entrepot/testing';
import { type ApiFixture, openApi } from './api-fixture.js';

/** Nothing here is pulled: there is no puller behind this catalog. */
describe('batches over the platform API', () => {
  let api: ApiFixture;

  beforeAll(async () => {
    api = await openApi(await createTestDatabase());
  });
  afterAll(() => api.close());

  const file = (body: string, type = 'text/plain', query = '') =>
    fetch(`${api.catalog.url}/api/v1/batches/file${query}`, {
      method: 'POST',
      body,
      headers: { 'content-type': type },
    });

  it('are taken, listed and shown item by item, in pages', async () => {
    const items = [
      'redis',
      { reference: 'ghcr.io/a/b:1', platform: 'linux/arm64', priority: 'high' as const },
      'nginx',
    ];
    const made = await api.call(createBatch, { body: { items, owner: 'team', labels: { why: 'test' } } });
    expect(made).toMatchObject({ owner: 'team', state: 'planning', itemCount: 3, counts: { queued: 3 }, plan: null });
    expect(await api.call(getBatch, { params: { id: made.id } })).toMatchObject({ id: made.id, bytes: { needed: 0 } });
    const first = await api.call(listBatchItems, { params: { id: made.id }, query: { limit: 2 } });
    expect(first.items.map(({ reference, platform }) => [reference, platform])).toEqual([
      ['docker.io/library/redis:latest', null],
      ['ghcr.io/a/b:1', 'linux/arm64'],
    ]);
    const query = { limit: 2, cursor: first.nextCursor ?? '' };
    const rest = await api.call(listBatchItems, { params: { id: made.id }, query });
    expect([rest.items.map(({ position }) => position), rest.nextCursor]).toEqual([[3], null]);
    const item = await api.call(getBatchItem, { params: { id: made.id, position: '2' } });
    expect(item).toMatchObject({ priority: 'high', state: 'queued', timeline: [] });
    const refused = await api.refusal(getBatchItem, { params: { id: made.id, position: '4' } });
    expect(refused.code).toBe('ITEM_NOT_FOUND');
  });

  it('that plan one pull are gone with whoever asked', async () => {
    const leaving = new AbortController();
    const planned = fetch(`${api.catalog.url}/api/v1/pulls/plan`, {
      method: 'POST',
      body: JSON.stringify({ reference: 'plan/me' }),
      headers: { 'content-type': 'application/json' },
      signal: leaving.signal,
    });
    const { prisma } = api.catalog.database;
    const plans = () =>
      prisma.batch.count({ where: { dryRun: true, items: { some: { reference: { contains: 'plan/me' } } } } });
    while ((await plans()) === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    leaving.abort();
    await expect(planned).rejects.toThrow();
    while ((await plans()) > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  });

  it('that wait are counted in the metrics, by owner and lane, and what their registry and queue do', async () => {
    const { prisma } = api.catalog.database;
    await api.call(createBatch, { body: { items: ['m/one', 'm/two'], owner: 'metered' } });
    const paused = await api.call(createBatch, { body: { items: ['m/three'], owner: 'resting' } });
    await api.call(pauseBatch, { params: { id: paused.id } });
    await prisma.pull.create({
      data: { reference: 'docker.io/library/metered:1', kind: 'interactive', credentialKey: '' },
    });
    await prisma.$executeRaw`
      insert into registry_state (host, limited_until) values ('busy.example.com', now() + interval '1 minute')`;
    const text = await (await fetch(`${api.catalog.url}/metrics`)).text();
    const value = (series: string) =>
      Number(new RegExp(`^entrepot_${series.replace(/[{}.]/g, '\\$&')} (.*)$`, 'm').exec(text)?.[1] ?? Number.NaN);
    expect(value('waiting_items{owner="metered",service="catalog"}')).toBe(2);
    expect(text).not.toContain('owner="resting"');
    expect(value('oldest_waiting_item_seconds{owner="metered",service="catalog"}')).toBeGreaterThan(0);
    expect(value('waiting_bytes{owner="metered",service="catalog"}')).toBe(0);
    expect(value('unfinished_pulls{lane="interactive",state="queued",service="catalog"}')).toBe(1);
    expect(value('oldest_pull_seconds{lane="interactive",state="queued",service="catalog"}')).toBeGreaterThan(0);
    expect(value('registry_limited_seconds{registry="busy.example.com",service="catalog"}')).toBeGreaterThan(50);
    expect(value('queue_jobs{job="plan-batch",state="waiting",service="catalog"}')).toBe(3);
  });

  it('are refused for a while to who has too much unfinished, and to nobody else', async () => {
    const { id } = await api.call(createBatch, { body: { items: ['full/house'], owner: 'greedy' } });
    await api.catalog.database.prisma.$executeRaw`
      insert into batch_item (batch_id, position, reference, host)
        select ${id}::uuid, n, 'docker.io/full/house:' || n, 'docker.io' from generate_series(2, 50000) n`;
    const ask = (owner: string) => file('one/more', 'text/plain', `?owner=${owner}`);
    const refused = await ask('greedy');
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '60']);
    expect(await refused.json()).toMatchObject({ code: 'BACKLOG_FULL', retryable: true });
    expect((await ask('modest')).status).toBe(202);
  });

  it('are listed newest first, each once', async () => {
    const made = [];
    for (const name of ['x', 'y', 'z'])
      made.push((await api.call(createBatch, { body: { items: [name], owner: 'lists' } })).id);
    const ids = [];
    let cursor: string | undefined;
    do {
      const page = await api.call(listBatches, { query: { owner: 'lists', limit: 2, cursor } });
      ids.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(ids).toEqual(made.toReversed());
  });

  it('come from files of text and YAML, with the query over the file', async () => {
    const text = await (await file('redis\nnginx # web\n', 'text/plain', '?priority=high&dryRun=true')).json();
    expect(text).toMatchObject({ itemCount: 2, priority: 'high', dryRun: true });
    const yaml = await (
      await file('owner: a\nplatform: linux/arm64\nitems: [redis]\n', 'application/yaml', '?owner=b')
    ).json();
    expect(yaml).toMatchObject({ owner: 'b', itemCount: 1 });
  });

  it('are refused as a whole, naming each item and line', async () => {
    const { status, code, errors } = await api.refusal(createBatch, {
      body: { items: ['redis', 'Bad:Ref:X', 'redis:latest'] },
    });
    expect([status, code, errors?.map(({ field }) => field)]).toEqual([400, 'INVALID_BATCH', ['items.2', 'items.3']]);
    const answer = await file('redis\n\nredis\n');
    expect([answer.status, ((await answer.json()) as { detail: string }).detail]).toEqual([
      400,
      'line 3: docker.io/library/redis:latest is there already, at line 1',
    ]);
    const many = Array.from({ length: 10_001 }, (_, index) => `h/x:${index}`);
    const tooMany = await api.refusal(createBatch, { body: { items: many } });
    expect(tooMany.detail).toContain('expected at most 10000 items, not 10001');
    expect(
      (await api.call(listBatches, { query: { owner: 'local' } })).items.filter(({ itemCount }) => itemCount > 5),
    ).toEqual([]);
  });

  it('take ten thousand items at once', async () => {
    const items = Array.from({ length: 10_000 }, (_, index) => `h/x:${index}`);
    const { id, itemCount } = await api.call(createBatch, { body: { items, owner: 'many' } });
    expect(itemCount).toBe(10_000);
    expect((await api.call(cancelBatch, { params: { id } })).items).toBe(10_000);
  });

  it('can be paused, resumed, changed, cancelled and tried again', async () => {
    const { id } = await api.call(createBatch, { body: { items: ['redis', 'nginx'], owner: 'steps' } });
    const params = { id };
    expect(await api.call(pauseBatch, { params })).toMatchObject({ paused: true });
    expect(await api.call(resumeBatch, { params })).toMatchObject({ paused: false });
    expect(await api.call(changeBatch, { params, body: { priority: 'high' } })).toMatchObject({ priority: 'high' });
    await api.call(changeBatch, { params, body: { priority: 'low', items: [2] } });
    expect((await api.call(getBatchItem, { params: { id, position: '2' } })).priority).toBe('low');
    expect(await api.call(cancelBatch, { params, body: { items: [1] } })).toMatchObject({
      items: 1,
      batch: { state: 'planning' },
    });
    expect(await api.call(cancelBatch, { params })).toMatchObject({ items: 1, batch: { state: 'cancelled' } });
    expect((await api.refusal(pauseBatch, { params })).code).toBe('BATCH_ENDED');
    expect(await api.call(retryBatch, { params, body: { cancelled: true } })).toMatchObject({
      items: 2,
      batch: { state: 'planning' },
    });
    const unknown = { id: '00000000-0000-4000-8000-000000000000' };
    expect((await api.refusal(getBatch, { params: unknown })).code).toBe('BATCH_NOT_FOUND');
  });

  it('are followed to their end, and whoever comes back is told only what is new', async () => {
    const { id } = await api.call(createBatch, { body: { items: ['redis'], owner: 'watch' } });
    const [first] = await api.follow(watchBatch, { params: { id } }, { count: 1 });
    expect(first?.data).toMatchObject({ id, state: 'planning' });
    const rest = api.follow(watchBatch, { params: { id } }, { count: 1, lastEventId: first?.id });
    await api.call(cancelBatch, { params: { id } });
    expect((await rest).map(({ id: eventId, data }) => [eventId, data.state])).toEqual([['end', 'cancelled']]);
  });
});
