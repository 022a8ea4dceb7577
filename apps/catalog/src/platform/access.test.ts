import http from 'node:http';
import { endpoints } from '@entrepot/platform-api';
import { createTestDatabase, type SeededImage, seedImage } from '@entrepot/testing';
import { type ApiFixture, openApi } from './api-fixture.js';

const {
  createBatch,
  createToken,
  listTokens,
  deleteToken,
  listImages,
  tagImage,
  getSystem,
  listEvents,
  startPull,
  collectNow,
} = endpoints;
const { createRegistry, changeRegistry, deleteRegistry, getRegistry, listRegistries, testRegistry } = endpoints;

const adminToken = 'the-first-token-of-all';

describe('access', () => {
  let api: ApiFixture;
  let image: SeededImage;

  beforeAll(async () => {
    api = await openApi(await createTestDatabase(), { ENTREPOT_AUTH: 'required', ENTREPOT_ADMIN_TOKEN: adminToken });
    image = await api.catalog.database.transaction((tx) => seedImage(tx, { names: ['a:1'] }));
  });

  afterAll(() => api.close());

  const make = async (name: string, role: 'reader' | 'operator' | 'admin') =>
    (await api.call(createToken, { body: { name, role } }, adminToken)).secret;
  const tag = { params: { name: 'a:1' }, body: { name: 'b:1' } };

  it('needs a token that is known and good', async () => {
    expect(await api.refusal(listImages, {})).toMatchObject({ status: 401, code: 'UNAUTHENTICATED' });
    expect(await api.refusal(listImages, {}, 'wrong')).toMatchObject({ status: 401, detail: 'the token is not known' });
    const basic = await api.send(listImages, {}, { authorization: 'Basic dTpw' });
    expect([basic.status, basic.headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="entrepot"']);
    const expiring = { name: 'short', role: 'reader' as const, expiresAt: new Date(Date.now() + 60_000).toISOString() };
    const { secret } = await api.call(createToken, { body: expiring }, adminToken);
    expect((await api.call(listImages, {}, secret)).items).toHaveLength(1);
    await api.catalog.database.prisma.$executeRaw`update token set expires_at = now() where name = 'short'`;
    expect(await api.refusal(listImages, {}, secret)).toMatchObject({ detail: 'the token short has run out' });
    const past = { ...expiring, name: 'past', expiresAt: '2020-01-01T00:00:00Z' };
    expect(await api.refusal(createToken, { body: past }, adminToken)).toMatchObject({ status: 400 });
  });

  it('lets each role do what those before it may, and no more', async () => {
    const [reader, operator, admin] = [
      await make('r', 'reader'),
      await make('o', 'operator'),
      await make('a', 'admin'),
    ];
    for (const secret of [reader, operator, admin])
      expect((await api.call(listImages, {}, secret)).items).toHaveLength(1);
    expect(await api.refusal(tagImage, tag, reader)).toMatchObject({
      ...{ status: 403, code: 'ROLE_TOO_LOW', detail: 'r is reader here, and this needs the role operator' },
    });
    expect(await api.call(tagImage, tag, operator)).toEqual({ name: 'b:1' });
    expect(await api.refusal(listTokens, {}, operator)).toMatchObject({ code: 'ROLE_TOO_LOW' });
    expect(await api.refusal(collectNow, {}, operator)).toMatchObject({ code: 'ROLE_TOO_LOW' });
    expect(await api.call(collectNow, {}, admin)).toEqual({ collectableBytes: expect.any(Number) });
    expect((await api.call(getSystem, {}, admin)).caller).toEqual({ name: 'a', role: 'admin' });
    const { items } = await api.call(listEvents, { query: { action: ['tag'] } }, reader);
    expect(items).toMatchObject([{ caller: 'o', subject: image.id }]);
  });

  it('lets only an admin pull without a look at signatures, and remembers who did', async () => {
    const operator = await make('so', 'operator');
    const body = { reference: 'demo/app:1', disableContentTrust: true };
    expect(await api.refusal(startPull, { body }, operator)).toMatchObject({ status: 403, code: 'ROLE_TOO_LOW' });
    const { id } = await api.call(startPull, { body }, adminToken);
    const { items } = await api.call(listEvents, { query: { type: ['pull'] } }, adminToken);
    expect(items).toMatchObject([{ action: 'skip-signatures', caller: 'admin', attributes: { pull: id } }]);
    const plain = await api.call(startPull, { body: { reference: 'demo/app:1' } }, operator);
    expect(plain.id).not.toBe(id);

    const batch = { items: ['demo/app:1', 'demo/app:2'], disableContentTrust: true };
    expect(await api.refusal(createBatch, { body: batch }, operator)).toMatchObject({ code: 'ROLE_TOO_LOW' });
    const file = (token: string, body: string, query = '') =>
      fetch(`${api.catalog.url}/api/v1/batches/file${query}`, {
        ...{ method: 'POST', body },
        headers: { authorization: `Bearer ${token}`, 'content-type': query ? 'text/plain' : 'application/yaml' },
      });
    for (const answer of [
      await file(operator, 'demo/app:1', '?disableContentTrust=true'),
      await file(operator, 'disableContentTrust: true\nitems: [demo/app:1]\n'),
    ]) {
      expect([answer.status, await answer.json()]).toMatchObject([403, { code: 'ROLE_TOO_LOW' }]);
    }
    const made = await api.call(createBatch, { body: batch }, adminToken);
    const [last] = (await api.call(listEvents, { query: { type: ['pull'], limit: 1 } }, adminToken)).items;
    expect(last).toMatchObject({
      action: 'skip-signatures',
      caller: 'admin',
      subject: made.id,
      attributes: { items: '2' },
    });
  });

  it('holds for the Engine API too, and never answers 401 there', async () => {
    const [reader, operator] = [await make('er', 'reader'), await make('eo', 'operator')];
    const ask = (method: string, path: string, token?: string) =>
      fetch(api.catalog.url + path, {
        method,
        headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      });
    for (const [method, path, token, status] of [
      ['GET', '/_ping', undefined, 200],
      ['GET', '/readyz', undefined, 200],
      ['GET', '/metrics', undefined, 403],
      ['GET', '/v1.50/images/json', undefined, 403],
      ['GET', '/v1.50/images/json', 'wrong', 403],
      ['GET', '/v1.50/images/json', reader, 200],
      ['DELETE', '/v1.50/images/b:1', reader, 403],
      ['POST', '/v1.50/images/a:1/tag?repo=c&tag=1', reader, 403],
      ['POST', '/v1.50/images/a:1/tag?repo=c&tag=1', operator, 201],
      ['POST', '/v1.50/images/prune', undefined, 403],
    ] as const) {
      const answer = await ask(method, path, token);
      expect([method, path, answer.status]).toEqual([method, path, status]);
      if (status === 403) expect(answer.headers.get('content-type')).toBe('application/json');
      await answer.text();
    }
    const { items } = await api.call(listEvents, { query: { action: ['tag'], limit: 1 } }, reader);
    expect(items).toMatchObject([{ caller: 'eo', attributes: { name: 'c:1' } }]);
  });

  it('keeps of tokens their hashes only, lists when they were used, and takes them away', async () => {
    const secret = await make('kept', 'operator');
    expect(await api.refusal(createToken, { body: { name: 'kept', role: 'admin' } }, adminToken)).toMatchObject({
      ...{ status: 409, code: 'TOKEN_EXISTS', detail: 'there is a token kept already' },
    });
    for (const name of ['local', 'A', '']) {
      expect(await api.refusal(createToken, { body: { name, role: 'reader' } }, adminToken)).toMatchObject({
        status: 400,
      });
    }
    await api.call(listImages, {}, secret);
    const { items } = await api.call(listTokens, {}, adminToken);
    const kept = items.find(({ name }) => name === 'kept');
    expect(kept).toMatchObject({ role: 'operator', createdBy: 'admin', lastUsedAt: expect.any(String) });
    expect(JSON.stringify(items)).not.toContain(secret);
    await api.call(deleteToken, { params: { name: 'kept' } }, adminToken);
    expect(await api.refusal(listImages, {}, secret)).toMatchObject({ status: 401 });
    expect(await api.refusal(deleteToken, { params: { name: 'kept' } }, adminToken)).toMatchObject({
      code: 'TOKEN_NOT_FOUND',
    });
    const events = await api.call(listEvents, { query: { type: ['token'], subject: 'kept' } }, adminToken);
    expect(events.items.map(({ action, caller }) => [action, caller])).toEqual([
      ['delete', 'admin'],
      ['create', 'admin'],
    ]);
  });

  it('configures registries, whose secrets are written and never read', async () => {
    const host = 'registry.test:5000';
    const credential = { username: 'robot', password: 'correct-horse-battery' };
    const limits = { requestsPerMinute: 90 };
    const body = { host: 'Registry.Test:5000', kind: 'harbor' as const, priority: 3, credential, limits };
    expect(await api.call(createRegistry, { body }, adminToken)).toMatchObject({
      ...{ host, kind: 'harbor', priority: 3, hasCredential: true, source: 'api' },
      limits: { connections: null, requestsPerMinute: 90, bytesPerSecond: null },
    });
    expect(await api.refusal(createRegistry, { body }, adminToken)).toMatchObject({ code: 'REGISTRY_EXISTS' });
    const params = { host };
    const changed = await api.call(changeRegistry, { params, body: { priority: null, insecure: true } }, adminToken);
    expect(changed).toMatchObject({ priority: 100, insecure: true, kind: 'harbor', hasCredential: true });
    expect((await api.call(changeRegistry, { params, body: { credential: null } }, adminToken)).hasCredential).toBe(
      false,
    );
    const [row] = await api.catalog.database.prisma.registry.findMany();
    expect(row).toMatchObject({ host, insecure: true, credential: null });
    const listed = (await api.call(listRegistries, {}, adminToken)).items.map((found) => found.host);
    expect(listed).toEqual(['docker.io', host]);
    await api.call(deleteRegistry, { params }, adminToken);
    expect(await api.refusal(getRegistry, { params }, adminToken)).toMatchObject({ code: 'REGISTRY_NOT_FOUND' });
    const events = await api.call(listEvents, { query: { type: ['registry'] } }, adminToken);
    expect(events.items.map(({ action }) => action)).toEqual(['delete', 'change', 'change', 'create']);
    expect(events.items[1]?.change).toMatchObject({ from: { hasCredential: true }, to: { hasCredential: false } });
    expect(JSON.stringify(events)).not.toContain('horse');
  });

  it('tells of a registry that cannot be reached what is wrong', async () => {
    await api.call(createRegistry, { body: { host: '127.0.0.1:1' } }, adminToken);
    const test = await api.call(testRegistry, { params: { host: '127.0.0.1:1' } }, adminToken);
    expect(test).toMatchObject({
      ok: false,
      authenticated: false,
      error: { message: expect.stringContaining('127.0.0.1:1') },
    });
    for (const [bad, field] of [
      [{ host: 'x.test', endpoint: 'https://u:p@x.test' }, 'endpoint'],
      [{ host: 'x.test', ca: 'nonsense' }, 'ca'],
      [{ host: 'x.test', kind: 'nexus' }, 'kind'],
      [{ host: 'x.test', limits: { connections: 0 } }, 'limits.connections'],
    ] as const) {
      const refusal = await api.refusal(createRegistry, { body: bad as never }, adminToken);
      expect([refusal.status, refusal.errors?.[0]?.field]).toEqual([400, field]);
    }
    expect(await api.refusal(createRegistry, { body: { host: 'a b' } }, adminToken)).toMatchObject({ status: 400 });
  });

  it('does work under one Idempotency-Key once', async () => {
    const body = { reference: 'keyed:1' };
    const send = (key: string, more: object = {}) =>
      api.send(
        startPull,
        { body: { ...body, ...more }, idempotencyKey: key },
        { authorization: `Bearer ${adminToken}` },
      );
    const [first, second] = [await send('k1'), await send('k1')];
    expect([first.status, second.status]).toEqual([202, 202]);
    expect(second.headers.get('idempotency-replayed')).toBe('true');
    expect(await second.json()).toEqual(await first.json());
    const other = await send('k1', { platform: 'linux/arm64' });
    expect([other.status, await other.json()]).toMatchObject([
      422,
      { code: 'IDEMPOTENCY_KEY_REUSED', detail: expect.stringContaining('"k1"') },
    ]);
    const failed = await send('k2', { reference: 'not a name' });
    const again = await send('k2');
    expect([failed.status, again.status]).toEqual([400, 202]);
    expect((await send('x'.repeat(256))).status).toBe(400);
    const upload = (text: string) =>
      fetch(`${api.catalog.url}/api/v1/batches/file?dryRun=true`, {
        ...{ method: 'POST', body: text },
        headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'text/plain', 'idempotency-key': 'k3' },
      });
    const files = [await upload('a:1\n'), await upload('a:1\n'), await upload('b:1\n')];
    expect(files.map(({ status }) => status)).toEqual([202, 202, 422]);
    expect(await files[1]?.json()).toEqual(await files[0]?.json());
    const { prisma } = api.catalog.database;
    const kept = await prisma.$queryRaw<{ row: string }[]>`
      select k.key || encode(k.answer, 'escape') || encode(k.request_hash, 'escape') as row from idempotency_key k`;
    expect(kept.map(({ row }) => row.slice(0, 2)).toSorted()).toEqual(['k1', 'k2', 'k3']);
    expect(kept.filter(({ row }) => row.includes('keyed') || row.includes('state'))).toEqual([]);
    await prisma.$executeRaw`update idempotency_key set status = null, answer = null`;
    const busy = await send('k1');
    expect([busy.status, busy.headers.get('retry-after')]).toEqual([409, '1']);
    await busy.text();
    await prisma.$executeRaw`update idempotency_key set created_at = now() - interval '121 seconds'`;
    expect((await send('k1')).status).toBe(202);
    expect((await send('k1')).headers.get('idempotency-replayed')).toBe('true');
  });
});

describe('access on loopback', () => {
  it('is free for whoever shows nothing, but for web pages of elsewhere, and not for who shows something wrong', async () => {
    const api = await openApi(await createTestDatabase());
    expect((await api.call(getSystem, {})).caller).toEqual({ name: 'local', role: 'admin' });
    const { secret } = await api.call(createToken, { body: { name: 'script', role: 'reader' } });
    expect((await api.call(getSystem, {}, secret)).caller).toEqual({ name: 'script', role: 'reader' });
    expect(await api.refusal(getSystem, {}, 'wrong')).toMatchObject({ status: 401 });
    const port = new URL(api.catalog.url).port;
    const ask = (headers: Record<string, string>): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const path = '/api/v1/images/prune';
        const options = { host: '127.0.0.1', port, path, method: 'POST', headers };
        http
          .request(options, (answer) => resolve(answer.resume().statusCode))
          .on('error', reject)
          .end();
      });
    for (const [headers, status] of [
      [{ host: `127.0.0.1:${port}` }, 200],
      [{ host: `localhost:${port}` }, 200],
      [{ host: `localhost:${port}`, origin: `http://localhost:${port}` }, 200],
      [{ host: `localhost:${port}`, origin: 'https://page.example.com' }, 401],
      [{ host: `localhost:${port}`, 'sec-fetch-site': 'cross-site' }, 401],
      [{ host: 'rebound.example.com' }, 401],
      [{ host: 'rebound.example.com', authorization: `Bearer ${secret}` }, 403],
    ] as const) {
      expect([headers, await ask(headers)]).toEqual([headers, status]);
    }
    await api.close();
  });
});
