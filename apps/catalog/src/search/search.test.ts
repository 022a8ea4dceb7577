import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import {
  createTestDatabase,
  describeWith,
  findProgram,
  seedImage,
  startUpstream,
  type TestDatabase,
  type UpstreamRegistry,
} from '@entrepot/testing';
import { type CatalogFixture, startCatalog } from '../catalog-fixture.js';

interface Found {
  name: string;
  sources: string[];
  description: string;
}

describe('search', () => {
  let source: TestDatabase;
  let catalog: CatalogFixture;
  let hub: UpstreamRegistry;
  let plain: UpstreamRegistry;
  let stuck: UpstreamRegistry;
  let hubSays: (response: ServerResponse) => void;
  const asked: string[] = [];

  const answering =
    (says: (request: IncomingMessage, response: ServerResponse) => void) =>
    (request: IncomingMessage, response: ServerResponse): boolean => {
      asked.push(request.url ?? '');
      says(request, response);
      return true;
    };
  const hubResults = (response: ServerResponse): void => {
    const results = [
      { name: 'redis', description: 'A store', star_count: 12, is_official: true, is_automated: false },
      { name: 'acme/redis', description: '', star_count: 3, is_official: false, is_automated: true },
    ];
    response.end(JSON.stringify({ results }));
  };

  beforeAll(async () => {
    source = await createTestDatabase();
    hub = await startUpstream({ intercept: answering((_, response) => hubSays(response)) });
    plain = await startUpstream({
      intercept: answering((request, response) => {
        const isCatalog = request.url?.startsWith('/v2/_catalog') === true;
        response.writeHead(isCatalog ? 200 : 404);
        response.end(isCatalog ? JSON.stringify({ repositories: ['team/redis', 'team/web'] }) : 'not found');
      }),
    });
    stuck = await startUpstream({ intercept: answering(() => {}) });
    catalog = await startCatalog(source.url, {}, [
      { host: stuck.host, priority: 200 },
      { host: plain.host, priority: 10 },
      { host: 'docker.io', endpoint: hub.url },
    ]);
    const labels = { 'org.opencontainers.image.description': 'Keeps what redis forgets' };
    await catalog.database.transaction(async (tx) => {
      await seedImage(tx, { layers: ['a=1'], names: ['redis:7', `${plain.host}/team/redis:1`] });
      await seedImage(tx, { layers: ['b=1'], names: ['local/keeper:1'], labels, isLoaded: true });
    });
  });

  afterAll(async () => {
    await catalog.close();
    await Promise.all([hub.close(), plain.close(), stuck.close()]);
    await source.drop();
  });

  beforeEach(() => {
    hubSays = hubResults;
    asked.length = 0;
  });

  const get = async <T>(path: string): Promise<{ status: number; body: T }> => {
    const answer = await fetch(`${catalog.url}${path}`);
    return { status: answer.status, body: (await answer.json()) as T };
  };

  it('asks registries in their order, then what is here, merges by name and warns of who is slow', async () => {
    const started = performance.now();
    const { body } = await get<{ results: Found[]; warnings: object[] }>('/api/v1/search?term=redis');
    expect(performance.now() - started).toBeLessThan(10_000);
    expect(body.results.map(({ name, sources }) => [name, ...sources])).toEqual([
      ['redis', 'docker.io', 'here'],
      ['acme/redis', 'docker.io'],
      [`${plain.host}/team/redis`, plain.host, 'here'],
      ['local/keeper', 'here'],
    ]);
    const message = `registry ${stuck.host} cannot be reached: no answer to a search within 3000 ms`;
    expect(body.warnings).toEqual([{ source: stuck.host, code: 'REGISTRY_UNREACHABLE', message, retryable: true }]);
  });

  it('remembers answers for a minute, and leaves who did not answer alone for as long', async () => {
    const { body } = await get<{ warnings: object[] }>('/api/v1/search?term=redis');
    expect([asked, body.warnings.length]).toEqual([[], 1]);
  });

  it('filters and limits as the docker command asks for it', async () => {
    const names = async (query: string): Promise<string[]> =>
      (await get<Found[]>(`/v1.50/images/search?term=redis&${query}`)).body.map(({ name }) => name);
    const filters = (of: object): string => `filters=${encodeURIComponent(JSON.stringify(of))}`;
    expect(await names(filters({ stars: ['3'] }))).toEqual(['redis', 'acme/redis']);
    expect(await names(filters({ 'is-official': ['true'] }))).toEqual(['redis']);
    expect(await names(filters({ 'is-automated': ['true'] }))).toEqual(['acme/redis']);
    expect(await names(`limit=1`)).toEqual(['redis', `${plain.host}/team/redis`]);
  });

  it('asks one registry alone when the term names it, and says why it cannot', async () => {
    const one = await get<Found[]>(`/v1.50/images/search?term=${plain.host}/web`);
    expect(one.body.map(({ name, description }) => [name, description])).toEqual([[`${plain.host}/team/web`, '']]);
    expect(await get('/v1.50/images/search?term=127.0.0.1:1/web')).toEqual({
      status: 500,
      body: {
        message: 'Get "http://127.0.0.1:1/v1/search?q=web&n=25": dial tcp 127.0.0.1:1: connect: connection refused',
      },
    });
    const refused = await get<{ status: number; code: string }>('/api/v1/search?term=127.0.0.1:1/web');
    expect(refused.body).toMatchObject({ status: 502, code: 'REGISTRY_UNREACHABLE' });
  });

  it('answers though Docker Hub sends 10 MB, refuses, or wants a login', async () => {
    const warning = async (term: string): Promise<[number, string]> => {
      const { status, body } = await get<{ warnings: { source: string; message: string }[] }>(
        `/api/v1/search?term=${term}`,
      );
      return [status, body.warnings.find(({ source }) => source === 'docker.io')?.message ?? ''];
    };
    hubSays = (response) => response.end(`{"results":[${'{"name":"x"},'.repeat(800_000)}{"name":"y"}]}`);
    expect(await warning('much')).toEqual([200, 'the answer to a search from docker.io is larger than 2097152 bytes']);
    hubSays = (response) => response.writeHead(401).end();
    expect((await warning('login'))[0]).toBe(200);
    const alone = await get<{ message: string }>('/v1.50/images/search?term=docker.io/login');
    expect(alone.status).toBe(500);
  });

  it('says what is wrong with a question', async () => {
    const { status, body } = await get<{ errors: { field: string }[] }>('/api/v1/search?limit=101');
    expect([status, body.errors.map(({ field }) => field)]).toEqual([400, expect.arrayContaining(['term', 'limit'])]);
  });

  it('serves the search of the first registry API, to another of its kind only what is here', async () => {
    const ping = await fetch(`${catalog.url}/v1/_ping`);
    expect([ping.status, ping.headers.get('x-docker-registry-standalone')]).toEqual([200, 'true']);
    const names = async (agent: string): Promise<string[]> => {
      const answer = await fetch(`${catalog.url}/v1/search?q=redis&n=25`, { headers: { 'user-agent': agent } });
      return ((await answer.json()) as { results: Found[] }).results.map(({ name }) => name);
    };
    expect(await names('docker/20.10')).toEqual(['redis', 'acme/redis', `${plain.host}/team/redis`, 'local/keeper']);
    expect(await names('entrepot/0.1')).toEqual(['redis', `${plain.host}/team/redis`, 'local/keeper']);
  });

  describeWith('docker', 'by the docker command', () => {
    it('prints names that can be pulled', async () => {
      const env = { ...process.env, DOCKER_HOST: catalog.url.replace('http', 'tcp') };
      const search = async (...args: string[]): Promise<string[]> =>
        (await promisify(execFile)('docker', ['search', ...args], { env })).stdout.trimEnd().split('\n');
      expect(await search('--format', '{{.Name}}|{{.Description}}|{{.StarCount}}|{{.IsOfficial}}', 'redis')).toEqual([
        'redis|A store|12|[OK]',
        'acme/redis|on docker.io|3|',
        `${plain.host}/team/redis|on ${plain.host}, here|0|`,
        'local/keeper|Keeps what redis forgets|0|',
      ]);
      expect(await search('--no-trunc', '--limit', '1', '-f', 'stars=1', '--format', '{{.Name}}', 'redis')).toEqual([
        'redis',
      ]);
    });
  });

  describeWith('dockerd', 'by a stock daemon', () => {
    let folder: string;
    let daemon: ChildProcess;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'entrepot-dockerd-'));
      const places = ['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec')];
      const quiet = ['--iptables=false', '--ip6tables=false', '--bridge=none', '--pidfile', join(folder, 'pid')];
      daemon = spawn(findProgram('dockerd') as string, [...places, ...quiet, '-H', `unix://${folder}/docker.sock`], {
        stdio: 'ignore',
      });
    });

    afterAll(async () => {
      daemon.kill();
      await new Promise((resolve) => daemon.once('exit', resolve));
      await rm(folder, { recursive: true, force: true });
    }, 30_000);

    it('finds here what is here and beyond', async () => {
      const env = { ...process.env, DOCKER_HOST: `unix://${folder}/docker.sock` };
      const docker = (...args: string[]) => promisify(execFile)('docker', args, { env });
      const term = `${catalog.url.replace('http://', '')}/redis`;
      for (let tries = 0; tries < 200; tries += 1) {
        if (
          await docker('version').then(
            () => true,
            () => false,
          )
        )
          break;
        await sleep(200);
      }
      const { stdout } = await docker('search', '--format', '{{.Name}}|{{.StarCount}}', term);
      expect(stdout.trimEnd().split('\n')).toEqual([
        'redis|12',
        'acme/redis|3',
        `${plain.host}/team/redis|0`,
        'local/keeper|0',
      ]);
    }, 60_000);
  });
});
