import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded-postgres.js';
import { explainLog } from './embedded-postgres-error.js';

describe('the embedded PostgreSQL', () => {
  let dataDir: string;
  let running: EmbeddedPostgres | null = null;
  let stranger: ChildProcess;
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'entrepot-embedded-'));
    stranger = spawn('sleep', ['600'], { stdio: 'ignore' });
  });
  afterEach(async () => {
    await running?.stop();
    running = null;
  });
  afterAll(async () => {
    stranger.kill();
    await rm(dataDir, { recursive: true, force: true });
  });

  // The data of these tests may be lost, so the disk need not be waited for.
  const start = async (): Promise<EmbeddedPostgres> => {
    running = await startEmbeddedPostgres({ dataDir, throwAway: true });
    return running;
  };

  async function query<T extends pg.QueryResultRow>(url: string, sql: string): Promise<T[]> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query<T>(sql)).rows;
    } finally {
      await client.end();
    }
  }

  it('is made on the first start, with a password of its own', async () => {
    const { url } = await start();
    await query(url, 'create table kept as select 1 as x');
    const wrong = url.replace(/:[0-9a-f]{48}@/, ':guess@');
    await expect(query(wrong, 'select 1')).rejects.toThrow('password authentication failed');
    expect((await stat(join(dataDir, 'postgres-password'))).mode & 0o777).toBe(0o600);
    expect((await stat(join(dataDir, 'postgres'))).mode & 0o777).toBe(0o700);
  });

  it('listens on the loopback address only, and lets the queue commit without waiting for the disk', async () => {
    const { url, queueUrl } = await start();
    expect(await query(url, 'show listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }]);
    expect(await query(url, 'show synchronous_commit')).toEqual([{ synchronous_commit: 'on' }]);
    expect(await query(queueUrl, 'show synchronous_commit')).toEqual([{ synchronous_commit: 'off' }]);
  });

  it('has its data and starts within two seconds the next time', async () => {
    const startedAt = performance.now();
    const { url } = await start();
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect(await query(url, 'select x from kept')).toEqual([{ x: 1 }]);
  });

  it('recovers after it was killed', async () => {
    const killed = await start();
    await query(killed.url, 'create table survivor as select generate_series(1, 1000) as x');
    process.kill(killed.pid, 'SIGKILL');
    await killed.ended;
    const { url } = await start();
    expect(await query(url, 'select count(*)::int as n from survivor')).toEqual([{ n: 1000 }]);
  });

  it('starts although postmaster.pid names a living process, when that is another program', async () => {
    const killed = await start();
    process.kill(killed.pid, 'SIGKILL');
    await killed.ended;
    const pidFile = join(dataDir, 'postgres', 'postmaster.pid');
    const lines = (await readFile(pidFile, 'utf8')).split('\n');
    await writeFile(pidFile, [stranger.pid, ...lines.slice(1)].join('\n'));
    expect(await query((await start()).url, 'select 1 as x')).toEqual([{ x: 1 }]);
    expect(stranger.exitCode).toBeNull();
  });

  it('takes over the folder from a server whose starter is gone', async () => {
    const orphan = await start();
    await writeFile(join(dataDir, 'postgres-owner'), '999999999 1\n');
    const next = await start();
    await orphan.ended;
    expect(next.pid).not.toBe(orphan.pid);
    expect(await query(next.url, 'select 1 as x')).toEqual([{ x: 1 }]);
  });

  it('refuses the folder of a server whose starter lives', async () => {
    const { url } = await start();
    const startedAt = (await readFile(`/proc/${stranger.pid}/stat`, 'utf8')).split(') ')[1]?.split(' ')[19];
    await writeFile(join(dataDir, 'postgres-owner'), `${stranger.pid} ${startedAt}\n`);
    await expect(startEmbeddedPostgres({ dataDir, throwAway: true })).rejects.toMatchObject({
      code: 'EMBEDDED_POSTGRES',
      message: `data folder ${dataDir} is in use by process ${stranger.pid}`,
    });
    expect(await query(url, 'select 1 as x')).toEqual([{ x: 1 }]);
  });

  it('makes the cluster anew when the first start was cut off', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'entrepot-embedded-'));
    await writeFile(join(folder, 'postgres.new'), 'half made');
    const server = await startEmbeddedPostgres({ dataDir: folder, throwAway: true });
    await server.stop();
    await rm(folder, { recursive: true });
  });

  it('refuses a folder of another version in one line', async () => {
    await writeFile(join(dataDir, 'postgres', 'PG_VERSION'), '18\n');
    await expect(start()).rejects.toMatchObject({
      message: `data folder ${join(dataDir, 'postgres')} was made by PostgreSQL 18, this is PostgreSQL 17`,
    });
    await writeFile(join(dataDir, 'postgres', 'PG_VERSION'), '17\n');
  });

  it('says in one line why it did not start, and hands out the rest', async () => {
    await writeFile(join(dataDir, 'postgres', 'postgresql.auto.conf'), 'shared_buffers = nonsense\n');
    const lines: string[] = [];
    const log = (line: string): void => void lines.push(line);
    await expect(startEmbeddedPostgres({ dataDir, throwAway: true, log })).rejects.toMatchObject({
      code: 'EMBEDDED_POSTGRES',
      retryable: false,
      message: expect.stringMatching(/^postgresql in \S+ did not start: .*$/),
    });
    expect(lines.join('\n')).toContain('shared_buffers');
  });
});

describe('what a server says before it ends', () => {
  it.each([
    ['initdb: error: could not create directory "/x/base": No space left on device', 'the disk of /x is full'],
    ['LOG: starting\nPANIC:  could not write to file: No space left on device\n', 'the disk of /x is full'],
    [
      'LOG:  a\n2026-11-24 UTC [7] FATAL:  data directory "/x" has invalid permissions\n2026 DETAIL:  b\n',
      'postgresql in /x did not start: data directory "/x" has invalid permissions',
    ],
    ['some words\n', 'postgresql in /x did not start: some words'],
    ['', 'postgresql in /x did not start: it said nothing'],
  ])('becomes one line: %j', (said, message) => {
    expect(explainLog(said, '/x').message).toBe(message);
  });
});
