import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type BuiltImage,
  buildImage,
  buildTar,
  deterministicBytes,
  startUpstream,
  type UpstreamRegistry,
} from '@entrepot/testing';
import { type CuttingProxy, startCuttingProxy } from './cutting-proxy.js';
import { type EntrepotCli, openEntrepotCli } from './entrepot-cli.js';
import { type Stack, startStack } from './stack.js';

describe('the entrepot command', () => {
  let stack: Stack;
  let upstream: UpstreamRegistry;
  let entrepot: EntrepotCli;
  let image: BuiltImage;
  let app: string;

  beforeAll(async () => {
    upstream = await startUpstream();
    stack = await startStack();
    entrepot = openEntrepotCli(stack.url);
    image = await buildImage({
      layers: [[{ name: 'a', content: deterministicBytes(300_000, 'a') }], [{ name: 'b', content: 'b' }]],
    });
    upstream.putImage('team/app', image, '1');
    app = `${upstream.host}/team/app`;
  }, 180_000);

  afterAll(async () => {
    await stack?.stop();
    await upstream?.close();
  });

  const file = (name: string): string => join(stack.folder, name);

  it('says what a pull would fetch, fetches it, and finds it up to date', async () => {
    const plan = await entrepot.ok('pull', '--dry-run', `${app}:1`);
    expect(plan).toContain('0 of 2 layers are here');
    expect(await entrepot.ok('batch', '-q')).toBe('');
    expect(await entrepot.ok('images', '-q')).toBe('');
    expect(await entrepot.ok('pull', `${app}:1`)).toBe(
      `Digest: ${image.digest}\nStatus: Downloaded newer image for ${app}:1\n`,
    );
    expect(await entrepot.ok('pull', '-q', `${app}:1`)).toBe(`${app}:1\n`);
    expect(await entrepot.ok('pull', '--dry-run', `${app}:1`)).toContain('2 of 2 layers are here, 0B of');
  });

  it('lists, inspects and prints by templates as docker does', async () => {
    const format = ['--format', '{{.Repository}}:{{.Tag}} {{.ID}}', '--no-trunc'];
    expect(await entrepot.ok('images', ...format)).toBe(`${app}:1 ${image.config.digest}\n`);
    expect(await entrepot.ok('images', '-q')).toBe(`${image.config.digest.slice(7, 19)}\n`);
    expect(JSON.parse(await entrepot.ok('images', '--json'))).toMatchObject([{ id: image.config.digest }]);
    expect(await entrepot.ok('images', '-f', 'reference=nothing*')).toMatch(
      /^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE\n$/,
    );
    expect(await entrepot.ok('inspect', '-f', '{{len .RootFS.Layers}} {{.Os}}', `${app}:1`)).toBe('2 linux\n');
    expect((await entrepot.ok('history', '-q', `${app}:1`)).split('\n')[0]).toBe(image.config.digest.slice(7, 19));
  });

  it('tags, shows what removing would free, and removes', async () => {
    await entrepot.ok('tag', `${app}:1`, 'mine/app:x');
    expect(await entrepot.ok('rmi', '-n', 'mine/app:x')).toBe('Untagged: mine/app:x\nWould free 0B\n');
    expect(await entrepot.ok('rmi', 'mine/app:x')).toBe('Untagged: mine/app:x\n');
    const { exitCode, stderr } = await entrepot('rmi', 'mine/app:x', `${app}:nope`);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('mine/app:x');
  });

  it('saves to a file that docker would load, and loads it', async () => {
    await entrepot.ok('save', '-o', file('app.tar'), `${app}:1`);
    expect((await readdir(stack.folder)).filter((name) => name.includes('.part'))).toEqual([]);
    await entrepot.ok('rmi', `${app}:1`);
    expect(await entrepot.ok('load', '-i', file('app.tar'))).toBe(`Loaded image: ${app}:1\n`);
    const cut = file('cut.tar');
    await writeFile(cut, (await readFile(file('app.tar'))).subarray(0, 200_000));
    expect(await entrepot('load', '-i', cut)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('the archive ends in the middle of it'),
    });
  });

  describe('over a connection that breaks', () => {
    let large: string;
    let size: number;
    let proxy: CuttingProxy;
    let far: EntrepotCli;

    beforeAll(async () => {
      const layers = [[{ name: 'large', content: deterministicBytes(10_000_000, 'large') }]];
      const { config, layers: built } = await buildImage({ layers });
      large = file('large.tar');
      const manifest = [{ Config: 'c.json', RepoTags: ['large:1'], Layers: ['layer.tar'] }];
      const tar = await buildTar([
        { name: 'c.json', content: config.bytes },
        { name: 'layer.tar', content: built[0]?.tar },
        { name: 'manifest.json', content: JSON.stringify(manifest) },
      ]);
      size = tar.length;
      await writeFile(large, tar);
      proxy = await startCuttingProxy(stack.url);
      far = openEntrepotCli(proxy.url);
    });
    afterAll(() => proxy?.close());

    it('goes on with a load by itself', async () => {
      proxy.cutAfterBytes = 5_000_000;
      expect(await far.ok('load', '-q', '-i', large)).toBe('Loaded image: large:1\n');
      // What was on its way at the moment of the cut is sent twice, and no more.
      expect(proxy.sentBytes).toBeGreaterThan(size);
      expect(proxy.sentBytes).toBeLessThan(size + 4_000_000);
    }, 120_000);

    it('goes on with a load when it is called again', async () => {
      Object.assign(proxy, { sentBytes: 0, loseAfterBytes: 8_000_000 });
      const killed = far.start('load', '-q', '-i', large);
      const ended = new Promise((resolve) => killed.once('exit', resolve));
      while (proxy.sentBytes < proxy.loseAfterBytes) await new Promise((resolve) => setTimeout(resolve, 10));
      killed.kill('SIGKILL');
      await ended;
      Object.assign(proxy, { sentBytes: 0, loseAfterBytes: Number.POSITIVE_INFINITY });
      const { stdout, stderr } = await far('load', '-i', large);
      expect([stdout, stderr]).toEqual([
        'Loaded image: large:1\n',
        expect.stringMatching(/large\.tar: goes on after \d{7} of \d+ bytes\n/),
      ]);
      expect(proxy.sentBytes).toBeLessThan(size - 3_000_000);
    }, 120_000);
  });

  it('pulls the images of a file as one batch, and ends with 3 when only some of them failed', async () => {
    const list = file('list.txt');
    await writeFile(list, `# two\n${app}:1\n${app}:nope\n`);
    const { exitCode, stdout, stderr } = await entrepot('pull', '-f', list);
    expect([exitCode, stdout]).toEqual([3, `${app}:1: up-to-date\n`]);
    expect(stderr).toContain(`${app}:nope: registry ${upstream.host} has no manifest ${app}:nope`);
    const [id = ''] = (await entrepot.ok('batch', '-q')).split('\n');
    expect(await entrepot.ok('batch', 'show', id, '--format', '{{.Position}} {{.State}}')).toBe('1 done\n2 failed\n');
    upstream.putImage('team/app', image, 'nope');
    expect(await entrepot.ok('batch', 'retry', id)).toBe('1 items are tried again\n');
    await entrepot.ok('batch', 'follow', '-q', id);
    expect(await entrepot.ok('batch', 'show', '--state', 'done', '-q', id)).toBe(`${app}:1\n${app}:nope\n`);
  });

  it('pulls every tag of a repository', async () => {
    const other = await buildImage({ layers: [[{ name: 'c', content: 'c' }]] });
    for (const tag of ['1', '2']) upstream.putImage('team/tags', other, tag);
    const all = `${upstream.host}/team/tags`;
    expect(await entrepot.ok('pull', '-a', all)).toContain(`Status: Downloaded newer image for ${all}\n`);
    expect((await entrepot.ok('images', '--format', '{{.Tag}}', all)).split('\n').toSorted()).toEqual(['', '1', '2']);
  });

  it('looks into images: layers, files, and which image has what', async () => {
    expect(await entrepot.ok('layers', '-q', `${app}:1`)).toMatch(/^[0-9a-f]{12}\n[0-9a-f]{12}\n$/);
    expect((await entrepot.ok('ls', '-q', `${app}:1`)).split('\n').toSorted()).toEqual(['', 'a', 'b']);
    expect(await entrepot.ok('cat', `${app}:1`, '/b')).toBe('b');
    expect(await entrepot.ok('find', '--path', '/a', '-q')).toBe(`${image.config.digest.slice(7, 19)}\n`);
    expect(await entrepot.ok('diff', `${app}:1`, `${app}:1`)).toBe('');
    expect((await entrepot('waste', '--max-waste', '0B', `${app}:1`)).exitCode).toBe(0);
  });

  it('mirrors by schedules', async () => {
    const wish = ['--cron', '@daily', '-r', `${upstream.host}/team/tags`, '--tags', '*'];
    expect(await entrepot.ok('schedule', 'create', 'nightly', ...wish)).toMatch(/^nightly runs next at 2/);
    expect(await entrepot.ok('schedule', 'run', 'nightly')).not.toBe('');
    await entrepot.ok('schedule', 'disable', 'nightly');
    expect(await entrepot.ok('schedule', '--format', '{{.Name}} {{.NextRun}}')).toBe('nightly disabled\n');
    expect(await entrepot.ok('schedule', 'runs', '-q', 'nightly')).not.toBe('');
    await entrepot.ok('schedule', 'rm', 'nightly');
  });

  it('configures registries without ever showing a password', async () => {
    await entrepot.ok('registry', 'add', 'lab.example.com', '--priority', '7', '--endpoint', `http://${upstream.host}`);
    expect(await entrepot.ok('registry', '--format', '{{.Host}} {{.Priority}} {{.Credential}}')).toContain(
      'lab.example.com 7 no\n',
    );
    expect(await entrepot.ok('registry', 'test', 'lab.example.com')).toMatch(
      /^lab\.example\.com answers after \d+ ms\n$/,
    );
    await entrepot.ok('registry', 'set', 'lab.example.com', '--connections', '2');
    await entrepot.ok('registry', 'rm', 'lab.example.com');
    expect(await entrepot.ok('registry', '-q')).not.toContain('lab.example.com');
  });

  it('makes tokens that open the door as far as their role goes', async () => {
    const secret = (await entrepot.ok('token', 'create', 'ci', '--role', 'reader')).trim();
    const reader = openEntrepotCli(stack.url, { ENTREPOT_TOKEN: secret });
    expect(await reader.ok('images', '-q')).not.toBe('');
    expect(await reader('rmi', `${app}:1`)).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('operator') });
    expect(await entrepot.ok('token', '--format', '{{.Name}} {{.Role}}')).toBe('ci reader\n');
    await entrepot.ok('token', 'rm', 'ci');
    expect((await reader('images')).exitCode).toBe(1);
  });

  it('tells what happened, and in whose name', async () => {
    const told = await entrepot.ok(
      'events',
      '--since',
      '1h',
      '--until',
      '0s',
      '--format',
      '{{.Type}} {{.Action}} {{.Subject}} {{.Caller}}',
    );
    expect(told).toContain(`image pull ${app}:1 local\n`);
    expect(told).toContain('token create ci local\n');
  });

  it.each([
    [['imagse'], 'error: unknown command'],
    [['images', '--format', '{{.Nope}'], 'entrepot: template:1: unexpected "}"'],
    [['images', '-f', 'colour=red'], "invalid filter 'colour': there are"],
    [['search', '-f', 'stars=many', 'redis'], "invalid filter 'stars=many': expected a whole number"],
    [['pull'], 'name images, or a file of them'],
    [['pull', '-f', '/nonexistent/list'], 'cannot read /nonexistent/list'],
    [['pull', 'Bad/Name'], 'repository name (Name) must be lowercase'],
    [['events', '--since', 'soon'], '"soon" is no time'],
  ])('ends with 2 when it is used wrongly: %j', async (args, message) => {
    const { exitCode, stdout, stderr } = await entrepot(...args);
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
  });

  it('says which server it cannot reach', async () => {
    const { exitCode, stderr } = await openEntrepotCli('http://127.0.0.1:9')('images');
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining('cannot reach Entrepot at http://127.0.0.1:9')]);
  });
});
