import { createTestDatabase, type SeededImage, seedImage, type TestDatabase } from '@entrepot/testing';
import { type CatalogFixture, startCatalog } from '../catalog-fixture.js';

describe('containers over the Engine API', () => {
  let source: TestDatabase;
  let catalog: CatalogFixture;
  let app: SeededImage;

  beforeAll(async () => {
    source = await createTestDatabase();
    catalog = await startCatalog(source.url);
    await catalog.database.transaction(async (tx) => {
      app = await seedImage(tx, {
        ...{ layers: ['os=1000', 'app=20'], names: ['demo/app:2', 'demo/app:also'] },
        document: {
          config: {
            ...{ User: '1000', Env: ['PATH=/bin', 'A=image'], WorkingDir: '/app', Labels: { tier: 'app' } },
            ...{ Entrypoint: ['/run.sh'], Cmd: ['--serve'], ExposedPorts: { '53/udp': {} }, OnBuild: ['RUN x'] },
          },
        },
      });
      await seedImage(tx, { layers: ['os=1000'], names: ['demo/base:1'] });
    });
  });

  afterAll(async () => {
    await catalog.close();
    await source.drop();
  });

  const call = async (method: string, path: string, body?: object): Promise<{ status: number; body: never }> => {
    const headers = body === undefined ? undefined : { 'content-type': 'application/json' };
    const answer = await fetch(catalog.url + path, { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    return { status: answer.status, body: (text === '' ? null : JSON.parse(text)) as never };
  };
  const create = async (name: string, body: object = {}): Promise<string> => {
    const made = await call('POST', `/containers/create?name=${name}`, { Image: 'demo/app:2', Cmd: ['run'], ...body });
    expect(made).toMatchObject({ status: 201, body: { Warnings: [] } });
    return (made.body as { Id: string }).Id;
  };
  const listed = async (filters: object): Promise<string[]> => {
    const { body } = await call('GET', `/containers/json?all=1&filters=${encodeURIComponent(JSON.stringify(filters))}`);
    return (body as { Names: string[] }[]).flatMap(({ Names }) => Names);
  };

  afterEach(async () => {
    await call('POST', '/containers/prune');
  });

  it('merges what is asked for over what the image says', async () => {
    const id = await create('merged', {
      ...{ Env: ['A=own', 'B'], Cmd: ['-x'], Labels: { x: 'y' }, ExposedPorts: { '80/tcp': {} } },
      HostConfig: { NetworkMode: 'default' },
    });
    expect((await call('GET', '/containers/merged/json')).body).toMatchObject({
      ...{
        Id: id,
        Name: '/merged',
        Path: '/run.sh',
        Args: ['-x'],
        Image: app.id,
        HostConfig: { NetworkMode: 'bridge' },
      },
      State: { Status: 'created', Running: false, StartedAt: '0001-01-01T00:00:00Z' },
      Config: {
        ...{ Hostname: id.slice(0, 12), User: '1000', Env: ['A=own', 'B', 'PATH=/bin'], WorkingDir: '/app' },
        ...{ Labels: { tier: 'app', x: 'y' }, ExposedPorts: { '53/udp': {}, '80/tcp': {} }, OnBuild: null },
      },
    });
  });

  it('drops the command of the image when another entrypoint is given', async () => {
    await create('entry', { Entrypoint: ['/bin/sh'], Cmd: null });
    expect((await call('GET', '/containers/entry/json')).body).toMatchObject({ Path: '/bin/sh', Args: [] });
  });

  it('takes an entrypoint of one empty word for none, and refuses a container without any command', async () => {
    await create('reset', { Entrypoint: [''], Cmd: ['x'] });
    expect((await call('GET', '/containers/reset/json')).body).toMatchObject({
      ...{ Path: 'x', Args: [], Config: { Entrypoint: null } },
    });
    const none = await call('POST', '/containers/create', { Image: 'demo/app:2', Entrypoint: [''] });
    expect(none).toMatchObject({ status: 400, body: { message: 'No command specified' } });
  });

  it('shows a command with quotes around words that have blanks', async () => {
    await create('quoted', { Entrypoint: ['sh'], Cmd: ['-c', 'echo it'] });
    expect((await call('GET', '/containers/json?all=1')).body).toMatchObject([{ Command: "sh -c 'echo it'" }]);
  });

  it('cleans the working directory', async () => {
    await create('cleaned', { WorkingDir: '/a/../b/./c/' });
    expect((await call('GET', '/containers/cleaned/json')).body).toMatchObject({ Config: { WorkingDir: '/b/c' } });
  });

  it('removes no container where its link is meant', async () => {
    await create('linked');
    expect(await call('DELETE', '/containers/linked?link=1')).toMatchObject({
      status: 409,
      body: { message: 'Conflict, cannot remove the default link name of the container' },
    });
    expect(await listed({})).toEqual(['/linked']);
  });

  it.each([
    ['{}', '/containers/create', {}, 400, 'config cannot be empty in order to create a container'],
    ['a bad name', '/containers/create?name=-a-', { Image: 'demo/app:2' }, 400, 'Invalid container name (-a-)'],
    ['a name of one letter', '/containers/create?name=a', { Image: 'demo/app:2' }, 400, 'Invalid container name (a)'],
    ['an unknown image', '/containers/create', { Image: 'nope' }, 404, 'No such image: nope:latest'],
    ['another platform', '/containers/create?platform=linux/s390x', { Image: 'demo/app:2' }, 404, 'does not match'],
    ['a relative directory', '/containers/create', { Image: 'demo/app:2', WorkingDir: 'x' }, 400, 'absolute'],
  ])('refuses %s', async (_, path, body, status, message) => {
    const answer = await call('POST', path, body);
    expect(answer).toMatchObject({ status, body: { message: expect.stringContaining(message) } });
  });

  it('gives each name once, and says who has it', async () => {
    const id = await create('taken');
    const again = await call('POST', '/containers/create?name=taken', { Image: 'demo/app:2' });
    expect(again).toMatchObject({ status: 409, body: { message: expect.stringContaining(`by container "${id}"`) } });
    await create('other');
    expect(await call('POST', '/containers/other/rename?name=taken')).toMatchObject({
      status: 409,
      body: {
        message: expect.stringMatching(/^Error when allocating new name: Conflict\. The container name "\/taken"/),
      },
    });
    expect((await call('POST', '/containers/other/rename?name=renamed')).status).toBe(204);
    expect(await listed({ name: { renamed: true } })).toEqual(['/renamed']);
  });

  it('invents a name where none is given', async () => {
    await call('POST', '/containers/create', { Image: 'demo/base:1', Cmd: ['x'] });
    expect(await listed({})).toEqual([expect.stringMatching(/^\/[a-z]+_[a-z]+\d*$/)]);
  });

  it('filters a list as dockerd does', async () => {
    const first = await create('first', { Labels: { x: 'y' }, Volumes: { '/vol': {} } });
    await create('second', { Image: 'demo/base:1' });
    expect((await call('GET', '/containers/json')).body).toEqual([]);
    expect((await call('GET', '/containers/json?limit=1')).body).toMatchObject([{ Names: ['/second'] }]);
    expect(await listed({ label: ['x=y'] })).toEqual(['/first']);
    expect(await listed({ ancestor: ['demo/base:1'] })).toEqual(['/second']);
    expect(await listed({ ancestor: ['unknown'] })).toEqual([]);
    expect(await listed({ id: [first.slice(0, 6)] })).toEqual(['/first']);
    expect(await listed({ name: ['^/fir'] })).toEqual(['/first']);
    expect(await listed({ before: ['second'] })).toEqual(['/first']);
    expect(await listed({ since: ['first'] })).toEqual(['/second']);
    expect(await listed({ volume: ['/vol'] })).toEqual(['/first']);
    expect(await listed({ expose: ['50-60/udp'] })).toEqual(['/first']);
    expect(await listed({ status: ['exited'] })).toEqual([]);
    expect((await call('GET', '/containers/json?filters={"bogus":["1"]}')).status).toBe(400);
    expect((await call('GET', '/containers/json?filters={"status":["odd"]}')).status).toBe(400);
  });

  it('finds a container by its id, a prefix of it or its name', async () => {
    const id = await create('found');
    for (const text of [id, id.slice(0, 12), 'found', '/found'].map(encodeURIComponent)) {
      expect((await call('GET', `/containers/${text}/json`)).body).toMatchObject({ Id: id });
    }
    expect(await call('GET', '/containers/nosuch/json')).toEqual({
      status: 404,
      body: { message: 'No such container: nosuch' },
    });
  });

  it('keeps the image of a container, unless it is removed by force', async () => {
    const id = await create('user');
    await call('DELETE', '/images/demo/app:also');
    const [container, image] = [id.slice(0, 12), app.id.slice(7, 19)];
    expect(await call('DELETE', '/images/demo/app:2')).toEqual({
      status: 409,
      body: {
        message: `conflict: unable to remove repository reference "demo/app:2" (must force) - container ${container} is using its referenced image ${image}`,
      },
    });
    expect(await call('DELETE', `/images/${image}`)).toEqual({
      status: 409,
      body: {
        message: `conflict: unable to delete ${image} (must be forced) - image is being used by stopped container ${container}`,
      },
    });
    const pruned = await call('POST', '/images/prune?filters={"dangling":["false"]}');
    expect(JSON.stringify(pruned.body)).not.toContain('demo/app');
    expect((await call('DELETE', '/images/demo/app:2?force=1')).body).toEqual([
      { Untagged: 'demo/app:2' },
      { Untagged: expect.stringContaining('demo/app@') },
      { Deleted: app.id },
    ]);
    expect((await call('GET', '/containers/json?all=1')).body).toMatchObject([{ Image: app.id, ImageID: app.id }]);
    await catalog.database.transaction(async (tx) => {
      app = await seedImage(tx, { layers: ['os=1000', 'app=20'], names: ['demo/app:2'] });
      await seedImage(tx, { layers: ['os=1000'], names: ['demo/base:1'] });
    });
  });

  it('removes what a prune filter leaves', async () => {
    await create('kept', { Labels: { keep: 'yes' } });
    const gone = await create('gone');
    const filters = encodeURIComponent(JSON.stringify({ 'label!': { keep: true } }));
    expect((await call('POST', `/containers/prune?filters=${filters}`)).body).toEqual({
      ContainersDeleted: [gone],
      SpaceReclaimed: 0,
    });
    expect((await call('POST', '/containers/prune?filters={"until":["1h"]}')).body).toMatchObject({
      ContainersDeleted: null,
    });
    expect((await call('DELETE', '/containers/kept')).status).toBe(204);
    expect((await call('DELETE', '/containers/kept')).status).toBe(404);
  });

  it('refuses to run, and ends the wait of a container that was to remove itself', async () => {
    await create('run', { HostConfig: { AutoRemove: true } });
    const waited = call('POST', '/containers/run/wait?condition=removed');
    const started = await call('POST', '/containers/run/start');
    expect(started).toMatchObject({
      status: 501,
      body: { message: expect.stringContaining('not a container runtime') },
    });
    expect(await waited).toEqual({ status: 200, body: { StatusCode: 0 } });
    await create('idle');
    expect((await call('POST', '/containers/idle/stop')).status).toBe(304);
    expect((await call('POST', '/containers/idle/wait')).body).toEqual({ StatusCode: 0 });
    for (const action of ['kill', 'pause', 'exec']) {
      expect((await call('POST', `/containers/idle/${action}`)).status).toBe(409);
    }
  });

  it('tells what happened', async () => {
    const since = Math.floor(Date.now() / 1000) - 1;
    const id = await create('told');
    await call('DELETE', '/containers/told');
    const answer = await fetch(
      `${catalog.url}/events?since=${since}&until=${since + 3}&filters={"container":["told"]}`,
    );
    const events = (await answer.text())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(events).toMatchObject([
      { Type: 'container', Action: 'create', from: 'demo/app:2', Actor: { ID: id, Attributes: { name: 'told' } } },
      { Type: 'container', Action: 'destroy', Actor: { ID: id } },
    ]);
  });
});
