import { createTestDatabase, pauseBefore, type TestDatabase, waitForBlocked } from '@entrepot/testing';
import { type Database, openDatabase } from './database.js';
import { sqlState } from './transaction.js';

describe('a transaction', () => {
  let server: TestDatabase;
  let database: Database;
  beforeAll(async () => {
    server = await createTestDatabase();
    database = openDatabase(server.url);
    await database.prisma.$executeRaw`insert into repository (name, familiar) values ('a', 'a'), ('b', 'b')`;
  });
  afterAll(async () => {
    await database.close();
    await server.drop();
  });
  const familiar = async () =>
    (await database.prisma.repository.findMany({ orderBy: { name: 'asc' } })).map((row) => row.familiar);

  it('does everything or nothing', async () => {
    const failing = database.transaction(async (tx) => {
      await tx.$executeRaw`update repository set familiar = 'changed'`;
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await familiar()).toEqual(['a', 'b']);
  });

  it('runs again after a deadlock, so that both sides get through', async () => {
    let tries = 0;
    let bothHoldOne: () => void = () => {};
    const met = new Promise<void>((resolve) => {
      bothHoldOne = resolve;
    });
    let holding = 0;
    const swap = (first: string, second: string) =>
      database.transaction(async (tx) => {
        tries++;
        await tx.$executeRaw`update repository set familiar = familiar || '+' where name = ${first}`;
        if (++holding === 2) bothHoldOne();
        await met;
        await tx.$executeRaw`update repository set familiar = familiar || '+' where name = ${second}`;
      });
    await Promise.all([swap('a', 'b'), swap('b', 'a')]);
    expect(tries).toBe(3);
    expect(await familiar()).toEqual(['a++', 'b++']);
  });

  it('does not run again after any other failure, and says which it was', async () => {
    let tries = 0;
    const failing = database.transaction(async (tx) => {
      tries++;
      await tx.$executeRaw`insert into repository (name, familiar) values ('a', 'a')`;
    });
    expect(await failing.catch(sqlState)).toBe('23505');
    expect(tries).toBe(1);
    expect(sqlState(new Error('no SQL'))).toBe('');
    expect(sqlState('no error')).toBe('');
  });

  it('sees what was committed while it waited', async () => {
    const paused = pauseBefore(database, 'commit');
    const first = paused.database.transaction(async (tx) => {
      await tx.$executeRaw`update repository set familiar = '1' where name = 'a'`;
    });
    await paused.reached;
    const second = database.transaction(async (tx) => {
      await tx.$executeRaw`update repository set familiar = familiar || '2' where name = 'a'`;
    });
    await waitForBlocked(database);
    paused.resume();
    await Promise.all([first, second]);
    expect((await familiar())[0]).toBe('12');
  });
});
