import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { loadClientConfig } from './client-config.js';
import { ConfigError } from './config-error.js';
import { type Environment, loadConfig, loadServiceConfig } from './load-config.js';

const key = Buffer.alloc(32, 7);

describe('loadConfig', () => {
  it('needs nothing to be set', () => {
    const config = loadConfig({});
    expect(config).toMatchObject({
      listen: { host: '127.0.0.1', port: 2375 },
      dataDir: resolve('.entrepot'),
      registries: [],
      collectAfterMs: 3_600_000,
      logLevel: 'info',
      archivers: 1,
      archiverUrls: [],
      warnings: [],
    });
    expect(config.pullers).toBeGreaterThanOrEqual(1);
    expect(config.pullers).toBeLessThanOrEqual(4);
    for (const name of ['databaseUrl', 'queueUrl', 'blobStoreUrl', 'secretKey', 'internalSecret'] as const) {
      expect(config[name]).toBeUndefined();
    }
  });

  it('takes an empty variable as not set', () => {
    expect(loadConfig({ ENTREPOT_LISTEN: '', DATABASE_URL: ' ', ENTREPOT_PULLERS: '' }).databaseUrl).toBeUndefined();
  });

  it('reads everything that is set', () => {
    const config = loadConfig({
      ENTREPOT_LISTEN: '127.0.0.1:8080',
      ENTREPOT_DATA_DIR: '/srv/entrepot',
      ENTREPOT_SECRET_KEY: key.toString('base64'),
      ENTREPOT_INTERNAL_SECRET: 'a-secret-of-some-length',
      ENTREPOT_PULLERS: '3',
      ENTREPOT_ARCHIVERS: '2',
      ENTREPOT_ARCHIVER_URLS: 'http://a:7402/, http://b:7402',
      ENTREPOT_ARCHIVER_LISTEN: '0.0.0.0:7402',
      ENTREPOT_HEALTH_LISTEN: ':7401',
      ENTREPOT_LOG_LEVEL: 'DEBUG',
      SOURCE_DATE_EPOCH: '86400',
      DATABASE_URL: 'postgres:///entrepot?host=/run/postgresql',
      QUEUE_URL: 'rediss://:pw@redis:6380/2',
      BLOB_STORE_URL: 's3://key:secret@minio:9000/blobs?tls=false',
    });
    expect(config).toMatchObject({
      listen: { host: '127.0.0.1', port: 8080 },
      dataDir: '/srv/entrepot',
      secretKey: key,
      internalSecret: 'a-secret-of-some-length',
      pullers: 3,
      archivers: 2,
      archiverUrls: ['http://a:7402', 'http://b:7402'],
      archiverListen: { host: '0.0.0.0', port: 7402 },
      healthListen: { host: '0.0.0.0', port: 7401 },
      logLevel: 'debug',
      sourceEpoch: new Date(86_400_000),
      databaseUrl: 'postgres:///entrepot?host=/run/postgresql',
      queueUrl: 'rediss://:pw@redis:6380/2',
      blobStoreUrl: 's3://key:secret@minio:9000/blobs?tls=false',
    });
  });

  it.each<[string, string, unknown]>([
    ['ENTREPOT_LISTEN', 'localhost:1', { host: 'localhost', port: 1 }],
    ['ENTREPOT_LISTEN', '[::1]:2375', { host: '::1', port: 2375 }],
    ['ENTREPOT_LISTEN', '0', { host: '127.0.0.1', port: 0 }],
    ['ENTREPOT_LISTEN', '127.9.9.9:65535', { host: '127.9.9.9', port: 65_535 }],
  ])('%s=%s', (name, text, listen) => {
    expect(loadConfig({ [name]: text }).listen).toEqual(listen);
  });

  it.each([
    ['0', 0],
    ['500ms', 500],
    ['90s', 90_000],
    ['30m', 1_800_000],
    ['1h', 3_600_000],
    ['2d', 172_800_000],
  ])('ENTREPOT_COLLECT_AFTER=%s', (text, ms) => {
    expect(loadConfig({ ENTREPOT_COLLECT_AFTER: text }).collectAfterMs).toBe(ms);
  });

  it.each([
    ['ENTREPOT_LISTEN', 'tcp://127.0.0.1:2375'],
    ['ENTREPOT_LISTEN', '127.0.0.1:65536'],
    ['ENTREPOT_LISTEN', '::1:2375'],
    ['ENTREPOT_LISTEN', '127.0.0.2:'],
    ['ENTREPOT_COLLECT_AFTER', '60'],
    ['ENTREPOT_COLLECT_AFTER', '-1h'],
    ['ENTREPOT_LOG_LEVEL', 'loud'],
    ['ENTREPOT_PULLERS', '0'],
    ['ENTREPOT_PULLERS', '1.5'],
    ['ENTREPOT_ARCHIVERS', '65'],
    ['ENTREPOT_AUTH', 'maybe'],
    ['ENTREPOT_LOAD_PRIVATE', 'maybe'],
    ['ENTREPOT_ADMIN_TOKEN', 'hunter2'],
    ['ENTREPOT_TLS_CLIENT_ROLE', 'root'],
    ['ENTREPOT_ARCHIVER_URLS', 'archiver:7402'],
    ['ENTREPOT_ARCHIVER_URLS', 'http://u:hunter2@a:1'],
    ['ENTREPOT_SECRET_KEY', 'hunter2'],
    ['ENTREPOT_SECRET_KEY', Buffer.alloc(31, 1).toString('base64')],
    ['ENTREPOT_INTERNAL_SECRET', 'hunter2'],
    ['DATABASE_URL', 'mysql://root:hunter2@db'],
    ['QUEUE_URL', 'amqp://root:hunter2@mq'],
    ['QUEUE_URL', 'redis://host name'],
    ['BLOB_STORE_URL', '/var/blobs'],
  ])('refuses %s=%s, naming the variable and not the value', (name, value) => {
    const error = errorOf({ [name]: value });
    expect(error.issues).toEqual([{ name, expected: expect.stringMatching(/^expected /) }]);
    if (value.length > 3) expect(`${error.message} ${error.stack}`).not.toContain(value);
  });

  it('lists everything that is wrong at once', () => {
    const error = errorOf({ ENTREPOT_LISTEN: 'x', DATABASE_URL: 'y', ENTREPOT_PULLERS: 'z' });
    expect(error.issues.map(({ name }) => name).toSorted()).toEqual([
      'DATABASE_URL',
      'ENTREPOT_LISTEN',
      'ENTREPOT_PULLERS',
    ]);
    expect(error).toMatchObject({ code: 'CONFIG', retryable: false });
  });

  it.each(['0.0.0.0:2375', ':2375', '[::]:2375', '192.168.1.1:2375', 'example.test:2375', '127.0.0.1.example.test:1'])(
    'listens on %s only when clients can show who they are',
    (address) => {
      const [issue, ...others] = errorOf({ ENTREPOT_LISTEN: address }).issues;
      expect([issue?.name, others]).toEqual(['ENTREPOT_ADMIN_TOKEN', []]);
      const config = loadConfig({ ENTREPOT_LISTEN: address, ENTREPOT_ADMIN_TOKEN: 'a-token-of-some-length' });
      expect([config.authRequired, config.adminToken]).toEqual([true, 'a-token-of-some-length']);
    },
  );

  it('asks nobody on loopback, unless it is told to', () => {
    expect(loadConfig({}).authRequired).toBe(false);
    expect(errorOf({ ENTREPOT_AUTH: 'required' }).issues[0]?.name).toBe('ENTREPOT_ADMIN_TOKEN');
    const env = { ENTREPOT_AUTH: 'required', ENTREPOT_ADMIN_TOKEN: 'a-token-of-some-length' };
    expect(loadConfig(env).authRequired).toBe(true);
  });

  it('wants a secret before an archiver listens to other machines', () => {
    expect(errorOf({ ENTREPOT_ARCHIVER_LISTEN: '0.0.0.0:7402' }).issues[0]?.name).toBe('ENTREPOT_INTERNAL_SECRET');
    expect(() => loadConfig({ ENTREPOT_ARCHIVER_LISTEN: '127.0.0.1:7402' })).not.toThrow();
    expect(() =>
      loadConfig({ ENTREPOT_ARCHIVER_LISTEN: '0.0.0.0:7402', ENTREPOT_SECRET_KEY: key.toString('hex') }),
    ).not.toThrow();
  });

  it.each([key.toString('hex'), key.toString('hex').toUpperCase(), key.toString('base64'), key.toString('base64url')])(
    'takes the key as %s',
    (text) => {
      expect(loadConfig({ ENTREPOT_SECRET_KEY: text }).secretKey).toEqual(key);
    },
  );

  it('derives the internal secret from the key, the same in every process, and not the key itself', () => {
    const derived = loadConfig({ ENTREPOT_SECRET_KEY: key.toString('hex') }).internalSecret;
    expect(derived).toMatch(/^[0-9a-f]{64}$/);
    expect(loadConfig({ ENTREPOT_SECRET_KEY: key.toString('base64') }).internalSecret).toBe(derived);
    expect(derived).not.toBe(key.toString('hex'));
  });

  it('warns of what it does not know, and offers what may be meant', () => {
    const { warnings } = loadConfig({
      ENTREPOT_LISTNE: 'x',
      ENTREPOT_COLLECTAFTER: 'x',
      ENTREPOT_SOMETHING_ELSE: 'x',
      ENTREPOT_URL: 'x',
      ENTREPOT_PORT: 'x',
      ENTREPOT_TEST_REQUIRE: 'x',
      ENTREPOT_EMPTY: '',
      HOME: 'x',
    });
    expect(warnings).toEqual([
      'ENTREPOT_COLLECTAFTER is not a setting of Entrepot; did you mean ENTREPOT_COLLECT_AFTER?',
      'ENTREPOT_LISTNE is not a setting of Entrepot; did you mean ENTREPOT_LISTEN?',
      'ENTREPOT_SOMETHING_ELSE is not a setting of Entrepot',
    ]);
  });
});

describe('loadServiceConfig', () => {
  it('lists what a service must be told', () => {
    const error = errorOf({ QUEUE_URL: 'redis://r', ENTREPOT_SECRET_KEY: 'short' }, loadServiceConfig);
    expect(error.issues).toEqual([
      { name: 'ENTREPOT_SECRET_KEY', expected: expect.stringMatching(/^expected 32 bytes/) },
      { name: 'DATABASE_URL', expected: 'must be set' },
      { name: 'BLOB_STORE_URL', expected: 'must be set' },
    ]);
  });

  it('has every secret once there is a key', () => {
    const config = loadServiceConfig({
      DATABASE_URL: 'postgresql://db/entrepot',
      QUEUE_URL: 'postgres://db/entrepot',
      BLOB_STORE_URL: 'file:///srv/blobs',
      ENTREPOT_SECRET_KEY: key.toString('base64'),
    });
    expect(config.secretKey).toEqual(key);
    expect(config.internalSecret).toHaveLength(64);
  });
});

describe('loadClientConfig', () => {
  const nowhere = { XDG_CONFIG_HOME: '/nonexistent' };

  it.each([
    [undefined, 'http://127.0.0.1:2375'],
    ['', 'http://127.0.0.1:2375'],
    ['https://images.test/', 'https://images.test'],
  ])('ENTREPOT_URL=%s', (text, url) => {
    expect(loadClientConfig({ ...nowhere, ENTREPOT_URL: text })).toEqual({ url });
  });

  it.each(['images.test', 'tcp://127.0.0.1:2375', 'http://'])('refuses ENTREPOT_URL=%s', (text) => {
    expect(() => loadClientConfig({ ...nowhere, ENTREPOT_URL: text })).toThrow(ConfigError);
  });

  it('takes from its file what the environment does not say', () => {
    const folder = mkdtempSync(join(tmpdir(), 'entrepot-client-'));
    const file = join(folder, 'config.yaml');
    writeFileSync(file, 'url: https://images.test\ntoken: t0ken\nca: /etc/ca.pem\n');
    const env = { ENTREPOT_CONFIG: file };
    expect(loadClientConfig(env)).toEqual({ url: 'https://images.test', token: 't0ken', caFile: '/etc/ca.pem' });
    expect(loadClientConfig({ ...env, ENTREPOT_TOKEN: 'other' })).toMatchObject({ token: 'other' });
    writeFileSync(file, 'url: https://images.test\ntokn: s3cret\n');
    expect(() => loadClientConfig(env)).toThrow(ConfigError);
    expect(() => loadClientConfig(env)).not.toThrow('s3cret');
    rmSync(folder, { recursive: true });
    expect(() => loadClientConfig(env)).toThrow('there is no such file');
  });
});

function errorOf(env: Environment, load: (env: Environment) => unknown = loadConfig): ConfigError {
  try {
    load(env);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}
