import { execFile, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { insertToken } from '@entrepot/database';
import { createTestDatabase, describeWith, findProgram, seedImage, type TestDatabase } from '@entrepot/testing';
import { type CatalogFixture, startCatalog } from '../catalog-fixture.js';
import { hashToken } from './access.js';

interface Outcome {
  exit: number;
  out: string;
  err: string;
}

describeWith('docker', 'the docker command where it must show who it is', () => {
  const adminToken = 'the-first-token-of-all';
  let folder: string;
  let source: TestDatabase;
  let catalog: CatalogFixture;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'entrepot-access-'));
    source = await createTestDatabase();
  });

  afterEach(async () => {
    await catalog.close();
    await source.drop();
    rmSync(folder, { recursive: true });
  });

  const start = async (env: Record<string, string>): Promise<void> => {
    catalog = await startCatalog(source.url, { ENTREPOT_AUTH: 'required', ENTREPOT_ADMIN_TOKEN: adminToken, ...env });
    await catalog.database.transaction(async (tx) => {
      await seedImage(tx, { names: ['a:1'] });
      for (const role of ['reader', 'operator'] as const) {
        await insertToken(tx, {
          name: `ci-${role}`,
          role,
          hash: hashToken(`secret of ${role}`.replaceAll(' ', '-')),
          expiresAt: null,
        });
      }
    });
  };
  /** Input stays open, as on a terminal where somebody could be asked for a password. */
  const docker = (args: string[], env: Record<string, string>): Promise<Outcome> =>
    new Promise((resolve) => {
      const vars = { PATH: process.env.PATH, HOME: folder, DOCKER_HOST: catalog.url.replace(/^https?/, 'tcp'), ...env };
      execFile('docker', args, { env: vars, timeout: 15_000 }, (error, out, err) => {
        resolve({ exit: error === null ? 0 : Number(error.code ?? 255), out: out.trim(), err: err.trim() });
      });
    });
  const withToken = (token: string): Record<string, string> => {
    const config = join(folder, token);
    mkdirSync(config, { recursive: true });
    writeFileSync(join(config, 'config.json'), JSON.stringify({ HttpHeaders: { Authorization: `Bearer ${token}` } }));
    return { DOCKER_CONFIG: config };
  };

  it('is let in by a token in its config.json, and may do what the role may', async () => {
    await start({});
    const [reader, operator] = [withToken('secret-of-reader'), withToken('secret-of-operator')];
    expect(await docker(['images', '-q'], reader)).toMatchObject({ exit: 0, out: expect.stringMatching(/^\w{12}$/) });
    expect(await docker(['tag', 'a:1', 'b:1'], reader)).toEqual({
      ...{ exit: 1, out: '' },
      err: 'Error response from daemon: ci-reader is reader here, and this needs the role operator',
    });
    expect(await docker(['tag', 'a:1', 'b:1'], operator)).toMatchObject({ exit: 0 });
    const [event] = await catalog.database.prisma.event.findMany({ where: { action: 'tag' } });
    expect(event?.caller).toBe('ci-operator');
  });

  it('is refused without one and with a wrong one, without being asked for a password', async () => {
    await start({});
    for (const args of [
      ['images'],
      ['pull', 'a:1'],
      ['push', 'a:1'],
      ['search', 'a'],
      ['rmi', 'a:1'],
      ['save', 'a:1'],
    ]) {
      for (const [env, text] of [
        [{}, 'this needs a token of the role'],
        [withToken('wrong'), 'the token is not known'],
      ] as const) {
        const { exit, out, err } = await docker(args, env);
        expect([args, exit, out, err]).toEqual([
          args,
          1,
          expect.not.stringContaining('Login'),
          expect.stringContaining(text),
        ]);
      }
    }
  });

  it('is let in by a client certificate whose common name is a token, or that any role is given to', async () => {
    const ca = makeAuthority(folder);
    ca.issue('server', 'localhost', 'subjectAltName=IP:127.0.0.1');
    const tls = {
      ENTREPOT_TLS_CERT: join(folder, 'server.pem'),
      ENTREPOT_TLS_KEY: join(folder, 'server.key'),
      ENTREPOT_TLS_CLIENT_CA: join(folder, 'ca.pem'),
    };
    await start(tls);
    const certified = (name: string): Record<string, string> => {
      const path = join(folder, `cert-${name}`);
      mkdirSync(path, { recursive: true });
      ca.issue(join(path, 'cert'), name);
      execFileSync('cp', [join(folder, 'ca.pem'), join(path, 'ca.pem')]);
      execFileSync('mv', [join(path, 'cert.key'), join(path, 'key.pem')]);
      return { DOCKER_CERT_PATH: path, DOCKER_TLS_VERIFY: '1' };
    };
    expect(await docker(['images', '-q'], certified('ci-reader'))).toMatchObject({
      exit: 0,
      out: expect.stringMatching(/^\w{12}$/),
    });
    expect(await docker(['rmi', 'a:1'], certified('ci-reader'))).toMatchObject({
      exit: 1,
      err: expect.stringContaining('ci-reader is reader'),
    });
    expect(await docker(['rmi', 'a:1'], certified('ci-operator'))).toMatchObject({ exit: 0 });
    expect(await docker(['images'], certified('stranger'))).toMatchObject({
      exit: 1,
      err: expect.stringContaining('is that of stranger'),
    });
    const only = { DOCKER_TLS: '1', DOCKER_CERT_PATH: certified('x').DOCKER_CERT_PATH as string };
    rmSync(join(only.DOCKER_CERT_PATH, 'cert.pem'));
    rmSync(join(only.DOCKER_CERT_PATH, 'key.pem'));
    expect(await docker(['--tls', 'images'], only)).toMatchObject({
      exit: 1,
      err: expect.stringContaining('needs a token'),
    });
    await catalog.close();
    const anyReader = { ENTREPOT_AUTH: 'required', ENTREPOT_TLS_CLIENT_ROLE: 'reader' };
    catalog = await startCatalog(source.url, { ...tls, ...anyReader });
    expect(await docker(['images'], certified('stranger'))).toMatchObject({ exit: 0 });
  });
});

describeWith(['docker', 'dockerd'], 'the search of a daemon where a token is needed', () => {
  it('is let in by what docker login has kept, over TLS', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'entrepot-daemon-'));
    const source = await createTestDatabase();
    makeAuthority(folder).issue(join(folder, 'server'), 'localhost', 'subjectAltName=IP:127.0.0.1');
    const token = 'the-first-token-of-all';
    const catalog = await startCatalog(source.url, {
      ...{ ENTREPOT_AUTH: 'required', ENTREPOT_ADMIN_TOKEN: token },
      ...{ ENTREPOT_TLS_CERT: join(folder, 'server.pem'), ENTREPOT_TLS_KEY: join(folder, 'server.key') },
    });
    await catalog.database.transaction((tx) => seedImage(tx, { names: ['team/api:1'] }));
    const daemon = await startDaemon(folder);
    try {
      const { host } = new URL(catalog.url);
      const refused = await daemon.docker('search', `${host}/api`);
      expect(refused).toMatchObject({ exit: 1, err: expect.stringContaining('401') });
      expect(await daemon.docker('login', '-u', 'anybody', '-p', 'wrong', host)).toMatchObject({ exit: 1 });
      expect(await daemon.docker('login', '-u', 'anybody', '-p', token, host)).toMatchObject({
        ...{ exit: 0, out: 'Login Succeeded' },
      });
      const format = ['--format', '{{.Name}}'];
      expect(await daemon.docker('search', ...format, `${host}/api`)).toMatchObject({ exit: 0, out: 'team/api' });
    } finally {
      await daemon.stop();
      await catalog.close();
      await source.drop();
      rmSync(folder, { recursive: true });
    }
  }, 60_000);
});

/** A daemon without networks, that trusts any certificate of this machine as daemons do. */
async function startDaemon(folder: string) {
  const path = (name: string): string => join(folder, name);
  const places = ['--data-root', path('data'), '--exec-root', path('exec'), '--pidfile', path('pid')];
  const host = `unix://${path('socket')}`;
  const without = ['--iptables=false', '--ip6tables=false', '--bridge=none'];
  const child = spawn(findProgram('dockerd') as string, ['--host', host, ...places, ...without], { stdio: 'ignore' });
  const env = { PATH: process.env.PATH, HOME: folder, DOCKER_HOST: host, DOCKER_CONFIG: path('config') };
  const docker = (...args: string[]): Promise<Outcome> =>
    new Promise((resolve) => {
      execFile('docker', args, { env, timeout: 20_000 }, (error, out, err) => {
        resolve({ exit: error === null ? 0 : Number(error.code ?? 255), out: out.trim(), err: err.trim() });
      }).stdin?.end();
    });
  while ((await docker('version')).exit !== 0 && child.exitCode === null) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const stop = async (): Promise<void> => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill();
    await ended;
  };
  return { docker, stop };
}

/** A certificate authority in a folder. */
function makeAuthority(folder: string): { issue(path: string, commonName: string, extension?: string): void } {
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  };
  const keyed = ['-newkey', 'rsa:2048', '-nodes'];
  openssl('req', '-x509', ...keyed, '-days', '2', '-subj', '/CN=test ca', '-keyout', 'ca.key', '-out', 'ca.pem');
  return {
    issue: (path, commonName, extension = 'extendedKeyUsage=clientAuth') => {
      openssl('req', ...keyed, '-subj', `/CN=${commonName}`, '-keyout', `${path}.key`, '-out', `${path}.csr`);
      writeFileSync(join(folder, 'extension'), extension);
      const signer = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'extension'];
      openssl('x509', '-req', '-in', `${path}.csr`, ...signer, '-out', `${path}.pem`);
    },
  };
}
