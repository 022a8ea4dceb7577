import { type Database, insertEvents, openDatabase } from '@entrepot/database';
import { createTestDatabase, type TestDatabase } from '@entrepot/testing';
import { followEvents } from './event-feed.js';

describe('event feed', () => {
  let source: TestDatabase;
  let database: Database;
  let other: Database;

  beforeAll(async () => {
    source = await createTestDatabase();
    database = openDatabase(source.url);
    other = openDatabase(source.url);
  });

  afterAll(async () => {
    await Promise.all([database.close(), other.close()]);
    await source.drop();
  });

  const named = (name: string) => ({ type: 'image' as const, action: 'tag', actorId: name, attributes: {} });
  const tell = (name: string): Promise<void> => other.transaction((tx) => insertEvents(tx, [named(name)]));

  it('gives what was, then what comes, each once, and ends when it is told to', async () => {
    await tell('old');
    const stop = new AbortController();
    const seen: string[] = [];
    const feed = followEvents(database, { since: new Date(0), signal: stop.signal });
    for await (const { actorId } of feed) {
      seen.push(actorId);
      if (actorId === 'old') await tell('new');
      if (actorId === 'new') stop.abort();
    }
    expect(seen).toEqual(['old', 'new']);
  });

  it('gives only new events when no start is named', async () => {
    const stop = new AbortController();
    const feed = followEvents(database, { signal: stop.signal });
    const first = feed.next();
    await new Promise((resolve) => setTimeout(resolve, 300));
    await tell('fresh');
    expect((await first).value?.actorId).toBe('fresh');
    stop.abort();
    expect((await feed.next()).done).toBe(true);
  });

  it('does not lose an event whose transaction ends after that of a later one', async () => {
    const stop = new AbortController();
    const feed = followEvents(database, { signal: stop.signal });
    const first = feed.next();
    await new Promise((resolve) => setTimeout(resolve, 300));
    await database.transaction(async (tx) => {
      await insertEvents(tx, [named('early')]);
      await tell('late');
      expect((await first).value?.actorId).toBe('late');
    });
    expect((await feed.next()).value?.actorId).toBe('early');
    stop.abort();
  });

  it('ends at its end', async () => {
    const started = Date.now();
    const until = new Date(started + 500);
    const seen: string[] = [];
    for await (const row of followEvents(database, { until, signal: new AbortController().signal }))
      seen.push(row.actorId);
    expect(seen).toEqual([]);
    expect(Date.now() - started).toBeGreaterThanOrEqual(500);
  });
});
