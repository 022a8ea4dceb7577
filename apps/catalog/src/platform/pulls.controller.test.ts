import { failPull, notePull } from '@entrepot/content';
import { endpoints } from '@entrepot/platform-api';
import { createTestDatabase } from '@entrepot/testing';
import { type ApiFixture, openApi } from './api-fixture.js';
import { endEventId } from './event-stream.js';

const { startPull, listPulls, getPull, followPull, cancelPull, listEvents, followEvents } = endpoints;

describe('pulls by the platform API', () => {
  let api: ApiFixture;

  beforeAll(async () => {
    api = await openApi(await createTestDatabase());
  });

  beforeEach(async () => {
    await api.catalog.database.prisma.$executeRaw`truncate pull, event cascade`;
  });

  afterAll(() => api.close());

  const start = (reference: string) => api.call(startPull, { body: { reference } });
  const content = () => ({ database: api.catalog.database, store: {} as never });

  it('start once, however often they are asked for, and go on without a watcher', async () => {
    const pull = await start('redis');
    expect(pull).toMatchObject({ state: 'queued', caller: 'local', sizeBytes: 0, blobs: [], timeline: [] });
    expect(pull.reference).toBe('docker.io/library/redis:latest');
    expect((await start('docker.io/library/redis:latest')).id).toBe(pull.id);
    expect((await api.call(startPull, { body: { reference: 'redis', platform: 'linux/arm64' } })).id).not.toBe(pull.id);
  });

  it('keep a credential sealed', async () => {
    const credential = { username: 'robot', password: 'correct horse' };
    const { id } = await api.call(startPull, { body: { reference: 'r.example.com/a:1', credential } });
    const row = await api.catalog.database.prisma.pull.findFirstOrThrow({ where: { id } });
    expect(row.credential).not.toBeNull();
    expect(Buffer.from(row.credential as Uint8Array).toString('latin1')).not.toContain('horse');
    expect(JSON.stringify(await api.call(getPull, { params: { id } }))).not.toContain('horse');
  });

  it('are listed newest first, in pages and by state', async () => {
    const made = [await start('a:1'), await start('b:1'), await start('c:1')].map(({ id }) => id);
    await api.call(cancelPull, { params: { id: made[1] as string } });
    const first = await api.call(listPulls, { query: { limit: 2 } });
    const second = await api.call(listPulls, { query: { limit: 2, cursor: first.nextCursor as string } });
    expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(made.toReversed());
    expect(second.nextCursor).toBeNull();
    const cancelled = await api.call(listPulls, { query: { state: ['cancelled', 'failed'] } });
    expect(cancelled.items.map(({ id }) => id)).toEqual([made[1]]);
    expect((await api.call(listPulls, { query: { reference: 'c:1' } })).items.map(({ id }) => id)).toEqual([made[2]]);
    expect(await api.refusal(listPulls, { query: { cursor: 'e30' } })).toMatchObject({ code: 'INVALID_REQUEST' });
  });

  it('are followed to their end, each line of the timeline once, also after a lost connection', async () => {
    const { id } = await start('d:1');
    await notePull(content(), id, 'first');
    const [seen] = await api.follow(followPull, { params: { id } }, { count: 1 });
    expect(seen?.data.timeline.map(({ line }) => line)).toEqual(['first']);
    const rest = api.follow(followPull, { params: { id } }, { count: 9, lastEventId: seen?.id });
    await notePull(content(), id, 'second');
    await failPull(content(), id, { code: 'MANIFEST_UNKNOWN', message: 'no such image' });
    const events = await rest;
    expect(events.flatMap(({ data }) => data.timeline.map(({ line }) => line))).toEqual(['second']);
    expect(events.at(-1)).toMatchObject({
      ...{ id: endEventId, event: 'failed' },
      data: { state: 'failed', error: { code: 'MANIFEST_UNKNOWN', message: 'no such image' } },
    });
    expect((await api.send(followPull, { params: { id } }, { 'last-event-id': endEventId })).status).toBe(204);
    const polled = await api.call(getPull, { params: { id } });
    expect(polled.timeline.map(({ line }) => line)).toEqual(['first', 'second']);
    expect(polled.finishedAt).not.toBeNull();
  });

  it('are cancelled, and stay as they ended', async () => {
    const { id } = await start('e:1');
    expect(await api.call(cancelPull, { params: { id } })).toMatchObject({ state: 'cancelled' });
    expect(await api.call(cancelPull, { params: { id } })).toMatchObject({ state: 'cancelled' });
  });

  it('refuse what is no pull', async () => {
    const id = '00000000-0000-4000-8000-000000000000';
    for (const endpoint of [getPull, cancelPull, followPull]) {
      expect(await api.refusal(endpoint, { params: { id } })).toMatchObject({ status: 404, code: 'PULL_NOT_FOUND' });
    }
    expect(await api.refusal(getPull, { params: { id: 'x' } })).toMatchObject({ status: 400 });
    expect(await api.refusal(startPull, { body: { reference: 'a b' } })).toMatchObject({ code: 'INVALID_REFERENCE' });
    const half = { reference: 'a', credential: { username: 'u' } } as never;
    expect(await api.refusal(startPull, { body: half })).toMatchObject({ code: 'INVALID_REQUEST' });
  });

  it('events are followed from where a client stopped', async () => {
    const insert = (subject: string) =>
      api.catalog.database.prisma
        .$executeRaw`insert into event (type, action, actor_id) values ('image', 'tag', ${subject})`;
    await insert('one');
    const since = new Date(Date.now() - 60_000).toISOString();
    const [one] = await api.follow(followEvents, { query: { since } }, { count: 1 });
    const rest = api.follow(followEvents, {}, { count: 2, lastEventId: one?.id });
    await insert('two');
    await insert('three');
    await api.catalog.database.prisma.$executeRaw`select pg_notify('entrepot', 'event')`;
    expect((await rest).map(({ event, data }) => [event, data.subject])).toEqual([
      ['image', 'two'],
      ['image', 'three'],
    ]);
    const page = await api.call(listEvents, { query: { limit: 2 } });
    expect(page.items.map(({ subject }) => subject)).toEqual(['three', 'two']);
    const last = await api.call(listEvents, { query: { limit: 2, cursor: page.nextCursor as string } });
    expect([last.items.map(({ subject }) => subject), last.nextCursor]).toEqual([['one'], null]);
    expect((await api.call(listEvents, { query: { type: ['token'] } })).items).toEqual([]);
  });
});
