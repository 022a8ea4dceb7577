import { currentSnapshot, type Database, insertEvents, openDatabase } from '@entrepot/database';
import { createTestDatabase, type TestDatabase } from '@entrepot/testing';
import { type FedEvent, followEvents } from './event-feed.js';
import { encodePlace, readPlace } from './event-place.js';

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

  it('goes on after an event whose transaction ended after that of a later one, which is all that was seen', async () => {
    const stop = new AbortController();
    const follow = (last?: FedEvent) =>
      followEvents(database, { from: last?.place, signal: stop.signal, types: ['image'] });
    const first = follow().next();
    await new Promise((resolve) => setTimeout(resolve, 300));
    let seen: FedEvent | undefined;
    await database.transaction(async (tx) => {
      await insertEvents(tx, [named('slow 1'), named('slow 2')]);
      await other.transaction((inner) => insertEvents(inner, [named('quick 1'), named('quick 2')]));
      seen = (await first).value;
    });
    expect(seen?.actorId).toBe('quick 1');
    const names: string[] = [];
    for await (const event of follow(seen)) {
      names.push(event.actorId);
      // As after a cut: another connection, from the last event on.
      if (names.length === 2) break;
    }
    expect(names).toEqual(['quick 2', 'slow 1']);
    const place = await readPlace(database, encodePlace((seen as FedEvent).place));
    const rest: string[] = [];
    for await (const { actorId } of followEvents(database, { from: place ?? undefined, signal: stop.signal })) {
      rest.push(actorId);
      if (rest.length === 3) break;
    }
    expect(rest).toEqual(['quick 2', 'slow 1', 'slow 2']);
    stop.abort();
  });

  it('gives each event once to a reader that is cut after every one, while many write at once', async () => {
    const stop = new AbortController();
    const names = Array.from({ length: 40 }, (_, n) => `storm ${n}`);
    let from = { seen: await currentSnapshot(database.prisma), id: 0, window: '' };
    from.window = from.seen;
    const writing = Promise.all(
      names.map((name, n) =>
        other.transaction(async (tx) => {
          await insertEvents(tx, [named(name)]);
          await tx.$queryRaw`select pg_sleep(${(n * 7) % 40} / 1000.0)::text`;
        }),
      ),
    );
    const seen: string[] = [];
    while (seen.length < names.length) {
      for await (const { actorId, place } of followEvents(database, { from, signal: stop.signal })) {
        seen.push(actorId);
        from = place;
        break;
      }
    }
    await writing;
    expect(seen.toSorted()).toEqual(names.toSorted());
  });

  it.each(['', 'x', '1@2', '1@3:2:@3:3:', '1@3:9:8,7@3:9:', '1@3:9:@3:9:9', '1@1:2:@1:2:@', '1@0:0:@0:0:'])(
    'takes no nonsense for a place: %j',
    async (text) => {
      expect(await readPlace(database, text)).toBeNull();
    },
  );

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
