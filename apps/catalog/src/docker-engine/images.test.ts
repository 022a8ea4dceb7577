import { createTestDatabase, type SeededImage, seedImage, seedIndex, type TestDatabase } from '@entrepot/testing';
import { type CatalogFixture, startCatalog } from '../catalog-fixture.js';

const created = '2023-11-14T22:15:00.120000000Z';

describe('images over the Engine API', () => {
  let source: TestDatabase;
  let catalog: CatalogFixture;
  let app: SeededImage;
  let multi: { digest: string; images: SeededImage[] };

  beforeAll(async () => {
    source = await createTestDatabase();
    catalog = await startCatalog(source.url);
    await catalog.database.transaction(async (tx) => {
      app = await seedImage(tx, {
        ...{ layers: ['os=1000', 'app=20'], created, labels: { tier: 'app', maintainer: 'demo' } },
        names: ['127.0.0.1:5601/demo/app:2', 'short:latest'],
        document: {
          author: 'demo author',
          config: {
            ...{ User: '1000:1000', ExposedPorts: { '8080/tcp': {}, '53/udp': {} }, Env: ['A=b'], WorkingDir: '/app' },
            ...{ Entrypoint: ['/run.sh'], Cmd: ['--serve'], Labels: { tier: 'app', maintainer: 'demo' } },
            ...{ StopSignal: 'SIGQUIT', Healthcheck: { Test: ['CMD', 'true'], Interval: 30000000000, Retries: 3 } },
          },
          history: [
            { created: '2023-11-14T22:13:21Z', created_by: 'ADD os', comment: 'from debian' },
            { created: '2023-11-14T22:13:22Z', created_by: 'ENV A=b', empty_layer: true },
            { created: '2023-11-14T22:13:23Z', created_by: 'COPY app', comment: 'buildkit' },
          ],
        },
      });
      multi = await seedIndex(tx, {
        images: [{ layers: ['x'] }, { layers: ['y'], platform: 'linux/arm/v7' }],
        ...{ absent: ['linux/s390x'], names: ['multi:1'], hasAttestation: true },
      });
      await seedImage(tx, { layers: ['dangling'], isLoaded: true });
    });
  });

  afterAll(async () => {
    await catalog.close();
    await source.drop();
  });

  const get = async (path: string): Promise<{ status: number; body: unknown }> => {
    const answer = await fetch(catalog.url + path);
    return { status: answer.status, body: await answer.json() };
  };
  const row = async (path: string, name: string): Promise<Record<string, unknown> | undefined> =>
    ((await get(path)).body as { RepoTags: string[] }[]).find(({ RepoTags }) => RepoTags.includes(name));

  it('lists an image in the shape of dockerd', async () => {
    expect(await row('/v1.50/images/json', 'short:latest')).toEqual({
      Containers: -1,
      Created: 1700000100,
      Id: app.id,
      Labels: { tier: 'app', maintainer: 'demo' },
      ParentId: '',
      RepoDigests: [`127.0.0.1:5601/demo/app@${app.manifest}`, `short@${app.manifest}`],
      RepoTags: ['127.0.0.1:5601/demo/app:2', 'short:latest'],
      SharedSize: -1,
      Size: 1020,
    });
  });

  it.each([
    ['1.42', ['<none>:<none>'], ['<none>@<none>'], 100],
    ['1.43', [], [], 100],
    ['1.44', [], [], undefined],
  ])('speaks of untagged images as API %s does', async (version, tags, digests, virtualSize) => {
    const { body } = await get(`/v${version}/images/json?filters={"dangling":["true"]}`);
    const rows = body as { RepoTags: string[]; RepoDigests: string[]; VirtualSize?: number }[];
    const untagged = rows.find(({ RepoDigests }) => !RepoDigests[0]?.startsWith('multi'));
    expect([untagged?.RepoTags, untagged?.RepoDigests, untagged?.VirtualSize]).toEqual([tags, digests, virtualSize]);
  });

  it.each<[query: string, status: number, message: string]>([
    ['filters=%7Bbad', 400, 'invalid filter'],
    ['filters={"bogus":{"1":true}}', 400, "invalid filter 'bogus'"],
    ['filters={"dangling":{"maybe":true}}', 400, "invalid filter 'dangling=[maybe]'"],
    ['filters={"before":{"nope:1":true}}', 404, 'No such image: nope:1'],
    ['filters={"reference":{"[bad":true}}', 500, 'syntax error in pattern'],
    ['filters={"until":{"garbage":true}}', 500, 'failed to parse value as time or duration: "garbage"'],
  ])('refuses ?%s', async (query, status, message) => {
    expect(await get(`/v1.50/images/json?${query}`)).toEqual({ status, body: { message } });
  });

  it('takes filters as sets and as lists, and the old parameter', async () => {
    for (const query of ['filters={"reference":{"sho*":true}}', 'filters={"reference":["sho*"]}']) {
      expect((await get(`/v1.50/images/json?${query}`)).body).toHaveLength(1);
    }
    expect((await get('/v1.24/images/json?filter=short')).body).toHaveLength(1);
  });

  it('shows what is below a name with manifests=1', async () => {
    const image = await row('/v1.50/images/json?manifests=1', 'multi:1');
    const manifests = image?.Manifests as Record<string, unknown>[];
    expect(image?.Descriptor).toMatchObject({ digest: multi.digest });
    expect(manifests.map(({ Kind, Available }) => [Kind, Available])).toEqual([
      ['image', true],
      ['image', true],
      ['image', false],
      ['attestation', true],
    ]);
    expect(manifests[1]?.ImageData).toMatchObject({ Platform: { architecture: 'arm', os: 'linux', variant: 'v7' } });
    expect(manifests[3]?.AttestationData).toEqual({ For: multi.images[0]?.manifest });
    expect(image?.Size).toBe(200);
    const rows = (await get('/v1.50/images/json?manifests=1')).body as { Id: string }[];
    expect(rows.map(({ Id }) => Id)).not.toContain(multi.images[1]?.id);
  });

  it('inspects in the order of dockerd', async () => {
    const { body } = await get('/v1.47/images/127.0.0.1:5601/demo/app:2/json');
    expect(Object.keys(body as object).join()).toBe(
      'Id,RepoTags,RepoDigests,Parent,Comment,Created,DockerVersion,Author,Architecture,Os,Size,GraphDriver,RootFS,Metadata,Config',
    );
    expect(body).toMatchObject({ Comment: 'buildkit', Author: 'demo author', Created: '2023-11-14T22:15:00.12Z' });
  });

  it('inspects with the fields of an image alone from 1.50 on', async () => {
    const { body } = await get('/v1.50/images/short/json');
    expect(JSON.stringify((body as { Config: object }).Config)).toBe(
      JSON.stringify({
        Cmd: ['--serve'],
        Entrypoint: ['/run.sh'],
        Env: ['A=b'],
        ExposedPorts: { '53/udp': {}, '8080/tcp': {} },
        Healthcheck: { Interval: 30000000000, Retries: 3, Test: ['CMD', 'true'] },
        Labels: { maintainer: 'demo', tier: 'app' },
        OnBuild: null,
        StopSignal: 'SIGQUIT',
        User: '1000:1000',
        Volumes: null,
        WorkingDir: '/app',
      }),
    );
  });

  it('inspects for old clients with what they expect', async () => {
    const { body } = await get('/v1.41/images/short/json');
    expect(body).toMatchObject({ Container: '', ContainerConfig: { Hostname: '' }, VirtualSize: 1020 });
    expect(body).toMatchObject({ Config: { AttachStdin: false, Domainname: '', Image: '', StdinOnce: false } });
    expect(body).not.toHaveProperty('Descriptor');
  });

  it('inspects the platform that is asked for', async () => {
    const ask = (platform: object) =>
      get(`/v1.50/images/multi:1/json?platform=${encodeURIComponent(JSON.stringify(platform))}`);
    expect((await ask({ os: 'linux', architecture: 'arm', variant: 'v7' })).body).toMatchObject({
      Id: multi.images[1]?.id,
      Variant: 'v7',
    });
    expect(await ask({ os: 'linux', architecture: 'arm64' })).toEqual({
      status: 404,
      body: {
        message:
          'image with reference multi:1 was found but its platform (linux/amd64) does not match the specified platform (linux/arm64)',
      },
    });
    expect(await ask({ os: 'linux' })).toMatchObject({
      status: 400,
      body: { message: 'both OS and Architecture must be provided' },
    });
  });

  it.each<[name: string, status: number, message: string]>([
    ['nope:1', 404, 'No such image: nope:1'],
    ['abc', 404, 'No such image: abc:latest'],
    ['Bad:Ref:X', 400, 'invalid reference format: repository name (library/Bad) must be lowercase'],
    ['foo%20bar', 400, 'invalid reference format'],
    ['a'.repeat(64), 404, `No such image: sha256:${'a'.repeat(64)}`],
  ])('says of %s what dockerd says', async (name, status, message) => {
    for (const action of ['json', 'history']) {
      expect(await get(`/v1.50/images/${name}/${action}`)).toEqual({ status, body: { message } });
    }
  });

  it('tells the history, newest first', async () => {
    const { body } = await get('/v1.50/images/short/history');
    const common = { Id: '<missing>', Tags: null };
    expect(body).toEqual([
      {
        ...{ Comment: 'buildkit', Created: 1700000003, CreatedBy: 'COPY app', Size: 20 },
        ...{ Id: app.id, Tags: ['127.0.0.1:5601/demo/app:2', 'short:latest'] },
      },
      { ...common, Comment: '', Created: 1700000002, CreatedBy: 'ENV A=b', Size: 0 },
      { ...common, Comment: 'from debian', Created: 1700000001, CreatedBy: 'ADD os', Size: 1000 },
    ]);
  });

  it('tags, and refuses what is no tag', async () => {
    const tag = (query: string) => fetch(`${catalog.url}/v1.50/images/short/tag?${query}`, { method: 'POST' });
    const answer = await tag('repo=docker.io%2Flocal%2Fnew&tag=1');
    expect([answer.status, await answer.text()]).toEqual([201, '']);
    expect(await row('/v1.50/images/json', 'local/new:1')).toMatchObject({ Id: app.id });
    for (const [query, message] of [
      ['repo=sha256&tag=1', 'refusing to create an ambiguous tag using digest algorithm as name'],
      ['repo=x&tag=-', 'invalid tag format'],
      ['repo=Bad&tag=1', 'invalid reference format: repository name (library/Bad) must be lowercase'],
    ] as const) {
      const refused = await tag(query);
      expect([refused.status, await refused.json()]).toEqual([400, { message }]);
    }
  });

  it('searches what is here', async () => {
    const { body } = await get('/v1.50/images/search?term=multi');
    expect(body).toEqual([
      { star_count: 0, is_official: true, name: 'multi', is_automated: false, description: 'here', sources: ['here'] },
    ]);
    expect((await get('/v1.50/images/search?term=x&limit=101')).body).toEqual({
      message: 'limit 101 is outside the range of [1, 100]',
    });
    expect((await get('/v1.50/images/search?term=x&filters={"stars":["x"]}')).body).toEqual({
      message: 'invalid filter \'stars=x\': strconv.Atoi: parsing "x": invalid syntax',
    });
  });

  it('refuses what needs a runtime with one sentence, after the whole body', async () => {
    for (const path of ['plugins/pull', 'containers/c/update', 'images/docker.io/library/x/push', 'swarm/init']) {
      const answer = await fetch(`${catalog.url}/v1.50/${path}`, { method: 'POST', body: Buffer.alloc(3_000_000) });
      const { message } = (await answer.json()) as { message: string };
      expect([path, answer.status]).toEqual([path, 501]);
      expect(message).toMatch(/^Entrepot keeps container images .* is not a container runtime: it does not [a-z ]+$/);
    }
  });
});
