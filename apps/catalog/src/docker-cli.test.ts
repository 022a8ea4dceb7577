import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { shortDigest } from '@entrepot/oci';
import { createTestDatabase, describeWith, type SeededImage, seedImage, type TestDatabase } from '@entrepot/testing';
import { type CatalogFixture, startCatalog } from './catalog-fixture.js';

interface Outcome {
  exit: number;
  out: string[];
  err: string;
}

describeWith('docker', 'the docker command against catalog', () => {
  const created = '2023-11-14T22:15:00Z';
  const reg = '127.0.0.1:5601';
  let source: TestDatabase;
  let catalog: CatalogFixture;
  let home: string;
  let base: SeededImage;
  let app: SeededImage;
  let dangling: SeededImage;

  const run = (...args: string[]): Promise<Outcome> =>
    new Promise((resolve) => {
      const env = { PATH: process.env.PATH, HOME: home, DOCKER_HOST: catalog.url.replace('http', 'tcp') };
      const child = execFile('docker', args, { env, timeout: 20_000 }, (error, out, err) => {
        const exit = error === null ? 0 : Number(error.code ?? 255);
        resolve({ exit, out: out.trimEnd().split('\n'), err: err.trimEnd() });
      });
      child.stdin?.end();
    });
  const sorted = async (...args: string[]): Promise<string[]> => (await run(...args)).out.sort();
  const failure = async (...args: string[]): Promise<[exit: number, err: string]> => {
    const { exit, err } = await run(...args);
    return [exit, err];
  };
  const refused = (text: string): [exit: number, err: string] => [1, `Error response from daemon: ${text}`];

  beforeEach(async () => {
    source = await createTestDatabase();
    catalog = await startCatalog(source.url);
    home = await mkdtemp(join(tmpdir(), 'entrepot-docker-'));
    await catalog.database.transaction(async (tx) => {
      const history = [
        { created: '2023-11-14T22:13:21Z', created_by: 'ADD os', comment: 'from debian' },
        { created: '2023-11-14T22:13:22Z', created_by: 'CMD ["sh"]', empty_layer: true },
      ];
      base = await seedImage(tx, {
        ...{ layers: ['os=1982361'], created, labels: { tier: 'base' }, document: { history } },
        names: [`${reg}/demo/base:1`, `${reg}/demo/base:1.0`, 'from/digest:1'],
      });
      app = await seedImage(tx, {
        ...{ layers: ['os=1982361', 'app=12838'], created, labels: { tier: 'app' } },
        names: [`${reg}/demo/app:2`],
      });
      dangling = await seedImage(tx, { layers: ['d=7'], created: '2023-11-13T00:00:00Z', isLoaded: true });
    });
  });

  afterEach(async () => {
    await catalog.close();
    await source.drop();
    await rm(home, { recursive: true, force: true });
  });

  it('version and info', async () => {
    const version = await run('version', '--format', '{{.Server.APIVersion}} {{.Server.Os}} {{.Client.APIVersion}}');
    expect(version).toMatchObject({ exit: 0, out: ['1.50 linux 1.50'] });
    expect((await run('version')).out.join('\n')).toContain('API version:      1.50 (minimum version 1.24)');
    const info = await run('info');
    expect(info.exit).toBe(0);
    expect(info.out.join('\n')).toMatch(/Server:\n Containers: 0\n(.*\n){3} Images: 3\n/);
    expect(info.out.join('\n')).toContain(' Storage Driver: entrepot');
  });

  it('images', async () => {
    const format = '{{.Repository}}:{{.Tag}} {{.ID}} {{.Size}} {{.CreatedAt}} {{.Containers}} {{.SharedSize}}';
    const at = `${created.slice(0, 10)} 22:15:00 +0000 UTC N/A N/A`;
    expect(await sorted('images', '--format', format)).toEqual([
      `${reg}/demo/app:2 ${shortDigest(app.id)} 2MB ${at}`,
      `${reg}/demo/base:1 ${shortDigest(base.id)} 1.98MB ${at}`,
      `${reg}/demo/base:1.0 ${shortDigest(base.id)} 1.98MB ${at}`,
      `<none>:<none> ${shortDigest(dangling.id)} 7B 2023-11-13 00:00:00 +0000 UTC N/A N/A`,
      `from/digest:1 ${shortDigest(base.id)} 1.98MB ${at}`,
    ]);
    expect(
      await sorted('images', '--digests', '--format', '{{.Repository}} {{.Tag}} {{.Digest}}', `${reg}/*/app`),
    ).toEqual([`${reg}/demo/app 2 ${app.manifest}`]);
    expect((await run('images', '-q', '--no-trunc', '-f', 'dangling=true')).out).toEqual([dangling.id]);
    expect((await run('images')).out[0]).toMatch(/^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE$/);
  });

  it('images with filters', async () => {
    const names = (...args: string[]): Promise<string[]> =>
      sorted('images', '--format', '{{.Repository}}:{{.Tag}}', ...args);
    const all = [`${reg}/demo/base:1`, `${reg}/demo/base:1.0`, 'from/digest:1'];
    expect(await names('-f', 'label=tier=base')).toEqual(all);
    expect(await names('-f', 'label=tier=none')).toEqual(['']);
    expect(await names('-f', 'reference=*/*/*:1')).toEqual([`${reg}/demo/base:1`]);
    expect(await names('-f', 'reference=from/*', '-f', 'reference=*/demo/app')).toEqual([
      `${reg}/demo/app:2`,
      'from/digest:1',
    ]);
    expect(await names(`${reg}/demo/base:1.0`)).toEqual([`${reg}/demo/base:1.0`]);
    expect(await names('-f', 'before=from/digest:1')).toEqual(['<none>:<none>']);
    expect(await names('-f', `since=${shortDigest(dangling.id)}`, '-f', 'label=tier=app')).toEqual([
      `${reg}/demo/app:2`,
    ]);
    expect(await names('-f', 'until=2023-11-14')).toEqual(['<none>:<none>']);
    expect(await failure('images', '-f', 'before=nope:1')).toEqual(refused('No such image: nope:1'));
    expect(await failure('images', '-f', 'bogus=1')).toEqual(refused("invalid filter 'bogus'"));
    expect(await failure('images', '-f', 'reference=[bad')).toEqual(refused('syntax error in pattern'));
    expect((await run('images', '--tree')).out.join('\n')).toContain('└─ linux/amd64');
  });

  it('inspect', async () => {
    const format = '{{.Id}} {{.Os}}/{{.Architecture}} {{.Size}} {{json .Config.Labels}}';
    expect((await run('inspect', '-f', format, `${reg}/demo/app:2`)).out).toEqual([
      `${app.id} linux/amd64 1995199 {"tier":"app"}`,
    ]);
    expect((await run('image', 'inspect', '--platform', 'linux/amd64', shortDigest(app.id))).exit).toBe(0);
    expect(await failure('image', 'inspect', 'Bad:Ref:X')).toEqual(
      refused('invalid reference format: repository name (library/Bad) must be lowercase'),
    );
    expect(await failure('image', 'inspect', '--platform', 'linux/arm64', `${reg}/demo/app:2`)).toEqual(
      refused(
        `image with reference ${reg}/demo/app:2 was found but its platform (linux/amd64) does not match the specified platform (linux/arm64)`,
      ),
    );
    expect(await run('inspect', 'nosuchthing')).toEqual({
      exit: 1,
      out: ['[]'],
      err: 'Error: No such object: nosuchthing',
    });
  });

  it('history and tag', async () => {
    expect(
      (await run('history', '--format', '{{.ID}}|{{.CreatedBy}}|{{.Size}}|{{.Comment}}', 'from/digest:1')).out,
    ).toEqual([`${shortDigest(base.id)}|CMD ["sh"]|0B|`, '<missing>|ADD os|1.98MB|from debian']);
    expect(await run('tag', shortDigest(app.id), 'local/app')).toEqual({ exit: 0, out: [''], err: '' });
    expect((await run('images', '--format', '{{.ID}}', 'local/app:latest')).out).toEqual([shortDigest(app.id)]);
    expect(await failure('tag', 'nope:1', 'x:1')).toEqual(refused('No such image: nope:1'));
  });

  it('rmi', async () => {
    expect((await run('rmi', `${reg}/demo/base:1`)).out).toEqual([`Untagged: ${reg}/demo/base:1`]);
    expect(await failure('rmi', shortDigest(base.id))).toEqual(
      refused(
        `conflict: unable to delete ${shortDigest(base.id)} (must be forced) - image is referenced in multiple repositories`,
      ),
    );
    const removed = await run('rmi', `${reg}/demo/app:2`, 'nope:2');
    expect([removed.exit, removed.err]).toEqual(refused('No such image: nope:2'));
    expect(removed.out.slice(0, 3)).toEqual([
      `Untagged: ${reg}/demo/app:2`,
      `Untagged: ${reg}/demo/app@${app.manifest}`,
      `Deleted: ${app.id}`,
    ]);
    expect(removed.out).toHaveLength(4);
    expect((await run('rmi', '-f', 'nope:1')).exit).toBe(0);
    expect((await run('rmi', '-f', shortDigest(base.id))).out).toHaveLength(6);
    expect(await failure('rmi', '')).toEqual(refused('page not found'));
    expect(await failure('rmi', 'a/b c')).toEqual(refused('invalid reference format'));
  });

  it('image prune and system prune', async () => {
    const pruned = await run('image', 'prune', '-f');
    expect(pruned.out).toEqual([
      'Deleted Images:',
      `deleted: ${dangling.id}`,
      expect.stringMatching(/^deleted: sha256:/),
      '',
      'Total reclaimed space: 7B',
    ]);
    expect((await run('image', 'prune', '-f')).out).toEqual(['Total reclaimed space: 0B']);
    expect(await failure('image', 'prune', '-af', '--filter', 'bogus=1')).toEqual(refused("invalid filter 'bogus'"));
    expect(await failure('image', 'prune', '-f', '--filter', 'until=garbage')).toEqual(
      refused('failed to parse value as time or duration: "garbage"'),
    );
    expect((await run('image', 'prune', '-af', '--filter', 'label=tier=app')).out.at(-1)).toBe(
      'Total reclaimed space: 12.84kB',
    );
    const everything = await run('system', 'prune', '-af', '--volumes');
    expect([everything.exit, everything.out.at(-1)]).toEqual([0, 'Total reclaimed space: 1.982MB']);
    expect((await run('images', '-aq')).out).toEqual(['']);
  });

  it('system df', async () => {
    expect(
      await run('system', 'df', '--format', '{{.Type}} {{.TotalCount}} {{.Active}} {{.Size}} {{.Reclaimable}}'),
    ).toEqual({
      exit: 0,
      out: [
        'Images 3 0 1.995MB 1.995MB (100%)',
        'Containers 0 0 0B 0B',
        'Local Volumes 0 0 0B 0B',
        'Build Cache 0 0 0B 0B',
      ],
      err: '',
    });
    const verbose = (await run('system', 'df', '-v')).out.find((line) => line.includes('demo/app'));
    expect(verbose).toMatch(/2MB +1\.982MB +12\.84kB +0$/);
  });

  it('events, past and to come', async () => {
    const until = String(Math.floor(Date.now() / 1000) + 3);
    const live = run('events', '--since', '1h', '--until', until, '--format', '{{.Action}} {{.Actor.Attributes.name}}');
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await run('tag', shortDigest(dangling.id), 'ev:1');
    await run('rmi', 'ev:1');
    expect((await live).out).toEqual(['tag ev:1', `untag ${dangling.id}`, `delete ${dangling.id}`]);
    const past = await run('events', '--since', '1h', '--until', '0s', '-f', 'event=tag');
    expect(past.out).toEqual([expect.stringMatching(/^\S+ image tag sha256:[0-9a-f]{64} \(name=ev:1\)$/)]);
  });

  it('search, ps, network ls, volume ls, plugin ls', async () => {
    expect((await run('search', '--format', '{{.Name}}', 'demo')).out).toEqual([`${reg}/demo/app`, `${reg}/demo/base`]);
    for (const args of [
      ['ps', '-a'],
      ['network', 'ls'],
      ['volume', 'ls'],
      ['plugin', 'ls'],
    ]) {
      expect(await run(...args)).toMatchObject({ exit: 0, out: [expect.any(String)], err: '' });
    }
  });

  it('refuses to run, build and push, at once and in one sentence', async () => {
    const sentence = /: Entrepot keeps container images .* it does not (start containers|push images yet)/;
    const [exit, err] = await failure('run', '--rm', `${reg}/demo/app:2`, 'true');
    expect([exit, err]).toEqual([125, expect.stringMatching(sentence)]);
    expect(await failure('push', `${reg}/demo/app:2`)).toEqual([1, expect.stringMatching(sentence)]);
    expect(await failure('start', 'c1')).toEqual([1, expect.stringMatching(/No such container: c1/)]);
    expect(await failure('rm', 'c1')).toEqual(refused('No such container: c1'));
  });
});
