// The platform API against whole stacks: pulls, archives and their links, and that no secret is written down anywhere.

import { readdir, readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type Endpoint, type EndpointInput, type EndpointOutput, endpoints, requestOf } from '@entrepot/platform-api';
import {
  type BuiltImage,
  buildImage,
  deterministicBytes,
  startUpstream,
  type UpstreamRegistry,
} from '@entrepot/testing';
import { describeStories, type Stack, startStack } from './stack.js';

const adminToken = 'admin-token-of-the-story';
const password = 'upstream-password-of-the-story';

describeStories('the platform API', (profile) => {
  let stack: Stack;
  let upstream: UpstreamRegistry;
  let image: BuiltImage;
  let archives: Server;
  let archiveUrl: string;
  let served: Buffer;
  const secrets = [adminToken, password];

  beforeAll(async () => {
    upstream = await startUpstream({ auth: 'basic', username: 'robot', password });
    image = await buildImage({
      layers: [[{ name: 'big', content: deterministicBytes(700_000) }], [{ name: 'b', content: 'b' }]],
    });
    upstream.putImage('team/app', image, '1');
    stack = await startStack({
      ...{ profile, pullers: 1, archivers: 1 },
      environment: {
        ...{ ENTREPOT_AUTH: 'required', ENTREPOT_ADMIN_TOKEN: adminToken },
        ...{ ENTREPOT_LOAD_PRIVATE: '1', ENTREPOT_LOG_LEVEL: 'debug' },
      },
    });
    archives = createServer((request, response) => {
      if (request.url === '/moved?sig=abc') response.writeHead(302, { location: '/archive.tar' }).end();
      else if (request.url === '/archive.tar') response.end(served);
      else response.writeHead(404).end('no');
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => archives.once('listening', resolve));
    archiveUrl = `http://127.0.0.1:${(archives.address() as AddressInfo).port}`;
  }, 240_000);

  afterAll(async () => {
    expect(await stack?.violations()).toEqual([]);
    await stack?.stop();
    await upstream?.close();
    archives?.close();
  });

  const send = (path: string, headers: Record<string, string>, init: RequestInit = {}) =>
    fetch(stack.url + path, { ...init, headers: { authorization: `Bearer ${adminToken}`, ...headers } });
  const call = async <E extends Endpoint>(endpoint: E, input: EndpointInput<E>): Promise<EndpointOutput<E>> => {
    const { method, path, headers, body } = requestOf(endpoint, input);
    const answer = await send(path, headers, { method, body });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return (text === '' ? undefined : JSON.parse(text)) as EndpointOutput<E>;
  };
  const until = async <T>(look: () => Promise<T>, isReached: (value: T) => boolean): Promise<T> => {
    for (const deadline = Date.now() + 60_000; ; ) {
      const value = await look();
      if (isReached(value) || Date.now() > deadline) return value;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const pullToEnd = async (reference: string) => {
    const { id } = await call(endpoints.startPull, { body: { reference } });
    return until(
      () => call(endpoints.getPull, { params: { id } }),
      ({ state }) => ['done', 'failed', 'cancelled'].includes(state),
    );
  };
  const archiveToEnd = (id: string) =>
    until(
      () => call(endpoints.getArchive, { params: { id } }),
      ({ state }) => state !== 'queued' && state !== 'running',
    );

  it('learns of a registry while it runs, tests it, and pulls with its credential', async () => {
    const reference = `${upstream.host}/team/app:1`;
    expect(await pullToEnd(reference)).toMatchObject({ state: 'failed', caller: 'admin' });
    const body = { host: upstream.host, credential: { username: 'robot', password: 'wrong' } };
    await call(endpoints.createRegistry, { body });
    const params = { host: upstream.host };
    expect(await call(endpoints.testRegistry, { params })).toMatchObject({ ok: false });
    await call(endpoints.changeRegistry, { params, body: { credential: { username: 'robot', password } } });
    expect(await call(endpoints.testRegistry, { params })).toMatchObject({ ok: true, authenticated: true });
    // The puller learns of it by a signal, at once but not at the same moment.
    const pulled = await until(
      () => pullToEnd(reference),
      ({ state }) => state === 'done',
    );
    expect(pulled).toMatchObject({ state: 'done', outcome: 'downloaded', error: null });
    expect(pulled.bytesDone).toBe(pulled.sizeBytes);
    const { items } = await call(endpoints.listEvents, { query: { type: ['image'], action: ['pull'] } });
    expect(items).toMatchObject([{ caller: 'admin', subject: reference, change: { from: null, to: image.digest } }]);
  });

  it('saves into an archive behind a link that needs no token, and can be gone on with', async () => {
    const { id } = await call(endpoints.saveArchive, { body: { names: [`${upstream.host}/team/app:1`] } });
    const ready = await archiveToEnd(id);
    expect(ready).toMatchObject({ state: 'ready', kind: 'save', link: expect.stringContaining('/download?key=') });
    const link = ready.link as string;
    secrets.push(new URL(link, stack.url).searchParams.get('key') as string);
    const whole = await fetch(stack.url + link);
    served = Buffer.from(await whole.arrayBuffer());
    expect([whole.status, served.length, whole.headers.get('etag')]).toEqual([200, ready.sizeBytes, `"${ready.etag}"`]);
    const half = Math.floor(served.length / 2);
    const headers = { range: `bytes=${half}-`, 'if-range': `"${ready.etag}"` };
    const rest = await fetch(stack.url + link, { headers });
    expect([rest.status, rest.headers.get('content-range')]).toEqual([
      206,
      `bytes ${half}-${served.length - 1}/${served.length}`,
    ]);
    expect(Buffer.from(await rest.arrayBuffer()).equals(served.subarray(half))).toBe(true);
    const known = await fetch(stack.url + link, { headers: { 'if-none-match': `"${ready.etag}"` } });
    expect([known.status, await known.text()]).toEqual([304, '']);
    const beyond = await fetch(stack.url + link, { headers: { range: `bytes=${served.length}-` } });
    expect(beyond.status).toBe(416);
    for (const wrong of [`${link.slice(0, -1)}${link.endsWith('0') ? '1' : '0'}`, link.replace(/key=.*/, 'key=')]) {
      expect((await fetch(stack.url + wrong)).status).toBe(404);
    }
    await call(endpoints.removeImage, { params: { name: `${upstream.host}/team/app:1` }, query: { force: true } });
    // What the link promises is kept, although nothing else needs it any more.
    expect(Buffer.from(await (await fetch(stack.url + link)).arrayBuffer()).equals(served)).toBe(true);
    await call(endpoints.deleteArchive, { params: { id } });
    expect((await fetch(stack.url + link)).status).toBe(404);
  });

  it('loads an archive from a URL, over a redirect, and says what was in it', async () => {
    const { id, source } = await call(endpoints.loadFromUrl, { body: { url: `${archiveUrl}/moved?sig=abc` } });
    expect(source).toBe(new URL(archiveUrl).host);
    const done = await archiveToEnd(id);
    expect(done).toMatchObject({ state: 'done', loaded: [`${upstream.host}/team/app:1`], bytesDone: served.length });
    const answer = await send(requestOf(endpoints.followArchive, { params: { id } }).path, {});
    expect(await answer.text()).toContain('event: done\nid: end\n');
    expect((await call(endpoints.getImage, { params: { name: image.config.digest } })).id).toBe(image.config.digest);
    const events = await call(endpoints.listEvents, { query: { action: ['load'] } });
    expect(events.items.map(({ type, caller }) => [type, caller])).toEqual([
      ['archive', 'admin'],
      ['image', 'admin'],
    ]);
  });

  it('says why an archive cannot be loaded, and keeps nothing of it', async () => {
    const fails = async (url: string) => {
      const { id } = await call(endpoints.loadFromUrl, { body: { url } });
      return (await archiveToEnd(id)).error;
    };
    expect(await fails(`${archiveUrl}/nope?sig=abc`)).toEqual({
      ...{ code: 'DOWNLOAD_FAILED', message: `${archiveUrl}/nope: the server answered 404` },
    });
    expect(await fails('http://169.254.169.254/latest')).toMatchObject({ code: 'UNSAFE_HOP' });
    served = served.subarray(0, served.length - 400_000);
    expect(await fails(`${archiveUrl}/archive.tar`)).toMatchObject({ code: 'INVALID_ARCHIVE' });
    expect((await call(endpoints.listArchives, {})).items.map(({ state }) => state)).toContain('failed');
  });

  const savedArchive = async (): Promise<Buffer> => {
    const saved = await call(endpoints.saveArchive, { body: { names: [image.config.digest] } });
    const { link } = await archiveToEnd(saved.id);
    return Buffer.from(await (await fetch(stack.url + link)).arrayBuffer());
  };

  it('loads what is sent, in the name of the sender', async () => {
    const { secret } = await call(endpoints.createToken, { body: { name: 'sender', role: 'operator' } });
    secrets.push(secret);
    const bytes = await savedArchive();
    const path = '/api/v1/archives/uploads';
    const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/x-tar' };
    const sent = await fetch(stack.url + path, { method: 'POST', headers, body: bytes });
    expect([sent.status, await sent.json()]).toEqual([200, { loaded: [image.config.digest] }]);
    const { items } = await call(endpoints.listEvents, { query: { type: ['image'], action: ['load'], limit: 1 } });
    expect(items).toMatchObject([{ caller: 'sender', subject: image.config.digest }]);
    const broken = await fetch(stack.url + path, { method: 'POST', headers, body: 'no archive' });
    expect([broken.status, await broken.json()]).toMatchObject([422, { code: 'LOAD_FAILED' }]);
  });

  it('loads what is sent in pieces, from where the archive says that it ends', async () => {
    served = await savedArchive();
    const body = { sizeBytes: served.length };
    const { id, state } = await call(endpoints.beginUpload, { body });
    expect(state).toBe('receiving');
    const piece = async (offset: number, end: number) => {
      const path = `/api/v1/archives/${id}/bytes?offset=${offset}`;
      const headers = { 'content-type': 'application/octet-stream' };
      const answer = await send(path, headers, { method: 'PATCH', body: new Uint8Array(served.subarray(offset, end)) });
      return (await answer.json()) as { state: string; bytesDone: number; code: string };
    };
    const first = await piece(0, 100_000);
    expect(first.state).toBe('receiving');
    expect(await piece(first.bytesDone + 1, 200_000)).toMatchObject({ code: 'OFFSET_MISMATCH' });
    await piece(first.bytesDone, served.length);
    expect(await archiveToEnd(id)).toMatchObject({ state: 'done', source: null, loaded: [image.config.digest] });
    expect(await piece(0, 1)).toMatchObject({ code: 'ARCHIVE_RECEIVED' });
  });

  it('writes no secret into a log line, a row, a job or an event', async () => {
    const credential = { username: 'robot', password: 'password-of-one-pull' };
    secrets.push(credential.password);
    const body = { reference: `${upstream.host}/team/nope:1`, credential };
    await call(endpoints.startPull, { body, idempotencyKey: 'with a password' });
    const failed = await until(
      async () => (await call(endpoints.listPulls, {})).items[0],
      (pull) => pull?.state === 'failed',
    );
    expect(failed?.state).toBe('failed');
    const saved = { body: { names: [image.config.digest] }, idempotencyKey: 'with a link' };
    const { id } = await call(endpoints.saveArchive, saved);
    const { link } = await archiveToEnd(id);
    secrets.push(new URL(link as string, stack.url).searchParams.get('key') as string);
    await fetch(stack.url + link);
    await call(endpoints.saveArchive, saved);
    await fetch(`${stack.url}/api/v1/images?token=${adminToken}`, { headers: { authorization: 'Bearer wrong-token' } });
    await new Promise((resolve) => setTimeout(resolve, 500));
    const logs = await readdir(join(stack.folder, 'logs'));
    const texts = await Promise.all(logs.map((name) => readFile(join(stack.folder, 'logs', name), 'utf8')));
    expect(texts.join('')).toContain('"path":"/api/v1/images"');
    texts.push(...(await everyRow(stack)));
    const jobs = await stack.queueLog();
    expect(profile === 'embedded' || jobs.includes('resolve-pull')).toBe(true);
    texts.push(jobs);
    for (const secret of secrets) {
      expect([secret.slice(0, 5), texts.filter((text) => text.includes(secret))]).toEqual([secret.slice(0, 5), []]);
    }
  });
});

/** All tables of the database as text; in the embedded profile the queue is among them. */
async function everyRow({ database }: Stack): Promise<string[]> {
  const tables = await database.prisma.$queryRaw<{ name: string }[]>`
    select format('%I.%I', schemaname, tablename) as name from pg_tables
     where schemaname not in ('pg_catalog', 'information_schema')`;
  expect(tables.length).toBeGreaterThan(20);
  const texts: string[] = [];
  for (const { name } of tables) {
    const rows = await database.prisma.$queryRawUnsafe<{ row: string }[]>(`select t::text as row from ${name} t`);
    texts.push(...rows.map(({ row }) => row));
  }
  return texts;
}
