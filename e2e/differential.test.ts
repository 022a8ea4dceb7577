// The same docker command against Entrepot and against a real dockerd 20.10, both on API 1.41: what it prints and how it
// ends must be the same, but for what `Normaliser` takes away and says why.
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type BuiltImage,
  buildImage,
  buildIndex,
  describeWith,
  deterministicBytes,
  startUpstream,
  type UpstreamRegistry,
} from '@entrepot/testing';
import { type DockerCli, type DockerRun, openDockerCli } from './docker-cli.js';
import { type Dockerd, startDockerd } from './dockerd.js';
import { type Stack, startStack } from './stack.js';

/** Takes away from both sides what may differ. */
type Normaliser = (run: DockerRun) => DockerRun;

/** Rows of one image come in the order of a map of the docker command itself. */
const inAnyOrder: Normaliser = (run) => ({ ...run, stdout: run.stdout.split('\n').sort().join('\n') });

/**
 * Layers proceed side by side, and how often a line of progress is seen depends on the moment: the set of lines counts.
 * Waiting and Verifying Checksum are passed over by dockerd when a layer is quick.
 */
const asPull: Normaliser = (run) => ({
  ...run,
  stdout: [...new Set(run.stdout.split('\n'))]
    .filter((line) => !/: (Waiting|Verifying Checksum)$/.test(line))
    .sort()
    .join('\n'),
});

/** 28 says this in other words than 20.10, and Entrepot as 28 does. */
const newerWords: readonly [RegExp, string][] = [
  [/Invalid filter/g, 'invalid filter'],
  [/no such image: .+: (No such image|invalid reference format)/g, '$1'],
  [/repository name \([^)]*\) must/g, 'repository name must'],
  [/^(Error response from daemon: ).*(unexpected EOF|archive\/tar: invalid tar header)$/gm, '$1$2'],
  [/^Error processing tar file\(exit status 1\): /gm, ''],
  [/^open \/\S*\/(repositories|blobs\/json): /gm, 'open repositories: '],
];
const asNewer: Normaliser = (run) => ({
  ...run,
  stderr: newerWords.reduce((text, [found, wanted]) => text.replaceAll(found, wanted), run.stderr),
});

/** 28 does not say which of the names it is. */
const asNewerSave: Normaliser = (run) => ({
  ...run,
  stderr: run.stderr.replace(/No such image: \S+$/m, 'reference does not exist'),
});

/** The warning is younger than 20.10. */
const asNewerPull: Normaliser = (run) => ({ ...run, stdout: run.stdout.replace(/\nWARNING: image with .*/, '') });

/** Where a layer lies and which program made it up is nobody's business but the engine's. */
const ownFields = ['GraphDriver', 'Container', 'ContainerConfig', 'DockerVersion', 'Metadata', 'Parent'];
const asInspect: Normaliser = (run) => ({
  ...run,
  stdout: JSON.stringify(
    (JSON.parse(run.stdout) as Record<string, unknown>[]).map((image) => {
      const kept = Object.entries(image).filter(([key]) => !ownFields.includes(key));
      const sorted = kept.map(([key, value]) => [key, Array.isArray(value) ? [...value].sort() : value]);
      return Object.fromEntries(sorted.sort());
    }),
    null,
    1,
  ),
});

describeWith(['docker', 'dockerd'], 'beside dockerd 20.10', () => {
  let folder: string;
  let upstream: UpstreamRegistry;
  let real: Dockerd;
  let stack: Stack;
  let ours: DockerCli;
  const images: Record<string, BuiltImage> = {};

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'entrepot-differential-'));
    upstream = await startUpstream();
    real = await startDockerd();
    stack = await startStack();
    ours = await openDockerCli(stack.url.replace('http', 'tcp'), folder, {
      variables: { DOCKER_API_VERSION: '1.41' },
    });
    await fillUpstream();
  }, 120_000);
  afterAll(async () => {
    const violations = (await stack?.violations()) ?? [];
    await Promise.all([real?.stop(), stack?.stop(), upstream?.close()]);
    await rm(folder, { recursive: true, force: true });
    expect(violations).toEqual([]);
  }, 120_000);

  const filled = (bytes: number, seed: string) => [{ name: seed, content: deterministicBytes(bytes, seed) }];

  async function fillUpstream(): Promise<void> {
    const os = filled(40_000, 'os');
    images.base = await buildImage({
      layers: [os],
      created: '2024-01-02T03:04:05.678901234Z',
      config: {
        Labels: { tier: 'base', 'org.example/x': 'a=b' },
        ExposedPorts: { '80/tcp': {} },
        Volumes: { '/data': {} },
        User: 'nobody',
        WorkingDir: '/srv',
        Entrypoint: ['/bin/sh', '-c'],
        StopSignal: 'SIGQUIT',
        Healthcheck: { Test: ['CMD', 'true'], Interval: 1_000_000_000 },
        OnBuild: ['RUN true'],
      },
    });
    images.app = await buildImage({
      layers: [os, filled(9_000, 'app'), [{ name: 'link', type: 'symlink', linkname: 'app' }]],
      created: '2024-03-01T00:00:00Z',
      config: { Labels: { tier: 'app' } },
      configDocument: { author: 'somebody' },
    });
    images.next = await buildImage({ layers: [os, filled(8_000, 'next')], created: '2024-05-01T00:00:00Z' });
    images.oci = await buildImage({ format: 'oci', layers: [filled(7_000, 'oci')], created: '2024-04-01T00:00:00Z' });
    images.arm = await buildImage({ layers: [filled(6_000, 'arm')], platform: 'linux/arm64' });
    images.empty = await buildImage({ layers: [[], filled(50, 'e'), []], created: '2024-06-01T00:00:00Z' });
    const { base, app, next, oci, arm, empty } = images as Record<string, BuiltImage>;
    if (!base || !app || !next || !oci || !arm || !empty) throw new Error('six images');
    upstream.putImage('demo/base', base, '1', '1.0', 'latest');
    upstream.putImage('demo/app', app, '1');
    upstream.putImage('demo/app', next, '2');
    upstream.putImage('demo/oci', oci, '1');
    upstream.putImage('demo/multi', buildIndex({ images: [oci, arm], attestations: true }), '1');
    upstream.putImage('demo/single', arm, '1');
    upstream.putImage('demo/empty', empty, '1');
  }

  const name = (path: string): string => `${upstream.host}/demo/${path}`;
  const id = (image: string): string => images[image]?.config.digest as string;
  const short = (image: string): string => id(image).slice(7, 19);

  async function same(args: string[], ...normalisers: Normaliser[]): Promise<DockerRun> {
    const runs = await Promise.all([real.docker(...args), ours(...args)]);
    const [wanted, found] = runs.map((run) =>
      [...normalisers, asNewer].reduce((kept, normalise) => normalise(kept), run),
    );
    expect({ args, ...found }).toEqual({ args, ...wanted });
    return runs[1] as DockerRun;
  }

  /** SIZE is final when every layer was looked into. */
  async function analysed(): Promise<void> {
    for (let i = 0; i < 200; i++) {
      const [row] = await stack.database.prisma.$queryRaw<{ left: number }[]>`
          select count(*)::int as left from blob b join manifest_blob m on m.blob_digest = b.digest
           where m.position > 0 and b.analysed_at is null`;
      if (row?.left === 0) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error('layers were not analysed');
  }

  async function pullAll(): Promise<void> {
    for (const path of ['base:1', 'base:1.0', 'app:1', 'app:2', 'oci:1', 'empty:1']) {
      await Promise.all([real.docker.ok('pull', '-q', name(path)), ours.ok('pull', '-q', name(path))]);
    }
    await analysed();
  }

  async function removeAll(): Promise<void> {
    for (const docker of [real.docker, ours]) {
      const ids = (await docker.ok('images', '-aq', '--no-trunc')).trim().split('\n').filter(Boolean);
      if (ids.length > 0) await docker.ok('rmi', '-f', ...new Set(ids));
    }
  }

  it('pulls', async () => {
    for (const path of ['base:1', 'base:1', 'base:1.0', 'app:1', 'oci:1', 'empty:1', 'base']) {
      await same(['pull', name(path)], asPull);
    }
    await same(['pull', '-q', name('app:2')]);
    await same(['pull', '-a', name('base')], asPull);
    await same(['pull', '-a', '-q', name('app')], asPull);
    await same(['pull', name(`base@${images.base?.digest}`)], asPull);
    await same(['pull', '--platform', 'linux/arm64', name('multi:1')], asPull);
    await same(['pull', '--platform', 'linux/amd64', name('multi:1')], asPull);
    await same(['pull', '--platform', 'linux/arm64', name('single:1')], asPull);
    await same(['pull', '--platform', 'linux/amd64', name('single:1')], asPull, asNewerPull);
  }, 120_000);

  it('refuses to pull', async () => {
    for (const args of [
      [name('base:none')],
      [name('none:1')],
      ['-q', name('none')],
      ['-a', name('none')],
      ['-a', name('base:1')],
      ['Bad/Name:1'],
      ['--platform', 'garbage/x/y/z', name('base:1')],
      [name(`base@sha256:${'0'.repeat(64)}`)],
      ['127.0.0.1:9/down/app:1'],
    ]) {
      await same(['pull', ...args]);
    }
    // 28 leaves what there is to guess; Entrepot says it.
    const platforms = / \(there are: [^)]*\)/;
    await same(['pull', '--platform', 'linux/s390x', name('multi:1')], (run) => ({
      ...run,
      stderr: run.stderr.replace(platforms, ''),
    }));
  }, 120_000);

  it('lists', async () => {
    await removeAll();
    await pullAll();
    const format = [
      '--format',
      '{{.Repository}} {{.Tag}} {{.ID}} {{.Digest}} {{.Size}} {{.CreatedAt}} {{.CreatedSince}}',
    ];
    for (const args of [
      [],
      ['-a'],
      ['-q'],
      ['-q', '--no-trunc'],
      ['--no-trunc'],
      ['--digests'],
      format,
      ['--format', '{{.Containers}} {{.SharedSize}} {{.UniqueSize}} {{.VirtualSize}}'],
      [name('base')],
      [name('base:1')],
      [name('*')],
      ['nothing'],
      ['-f', `reference=${name('app')}`, ...format],
      ['-f', 'reference=*/demo/*:1', ...format],
      ['-f', 'reference=*/*/a*', '-f', 'reference=*/*/b*:1.?', ...format],
      ['-f', 'reference=demo/app'],
      ['-f', 'label=tier'],
      ['-f', 'label=tier=app'],
      ['-f', 'label=tier=app', '-f', 'label=none'],
      ['-f', 'label=org.example/x=a=b'],
      ['-f', `before=${name('app:1')}`],
      ['-f', `since=${short('app')}`, ...format],
      ['-f', `since=${id('base')}`, '-f', `before=${name('app:2')}`],
      ['-f', 'dangling=true'],
      ['-f', 'dangling=false'],
      ['-f', 'before=nope:1'],
      ['-f', 'bogus=1'],
      ['-f', 'reference=[bad'],
      ['-f', 'dangling=maybe'],
      ['--digests', '--no-trunc', '-f', `reference=${name('oci')}`],
    ]) {
      await same(['images', ...args], inAnyOrder);
    }
  }, 120_000);

  it('inspects', async () => {
    for (const image of ['base', 'app', 'oci', 'empty']) {
      await same(['image', 'inspect', id(image)], asInspect);
      await same(['inspect', short(image)], asInspect);
    }
    await same(['inspect', name('base:1'), name(`app@${images.app?.digest}`)], asInspect);
    await same(['inspect', '-f', '{{.Id}} {{.Size}} {{json .Config.Labels}} {{.Author}}', name('app:1')]);
    await same(['inspect', '-f', '{{.Nope}}', name('app:1')]);
    for (const unknown of ['nope', 'nope:1', 'abcdef123456', `sha256:${'0'.repeat(64)}`, 'Bad:X:Y', 'a b']) {
      await same(['image', 'inspect', unknown]);
      await same(['inspect', unknown]);
    }
    await same(['image', 'inspect', name('base:1'), 'nope:1'], ({ exitCode, stderr }) => ({
      exitCode,
      stderr,
      stdout: '',
    }));
  }, 120_000);

  it('shows histories', async () => {
    for (const image of ['base', 'app', 'empty']) {
      await same(['history', short(image)]);
      await same(['history', '--no-trunc', id(image)]);
      await same([
        'history',
        '-H=false',
        '--format',
        '{{.ID}}|{{.CreatedAt}}|{{.CreatedBy}}|{{.Size}}|{{.Comment}}',
        id(image),
      ]);
      await same(['history', '-q', id(image)]);
    }
    await same(['history', 'nope:1']);
  }, 120_000);

  it('tags', async () => {
    await same(['tag', name('base:1'), 'mine/base']);
    await same(['tag', short('base'), 'mine/base:2']);
    await same(['tag', id('app'), 'mine/base:2']);
    await same(['tag', name(`app@${images.app?.digest}`), 'docker.io/library/mine:x']);
    await same(['tag', 'mine:x', `${upstream.host}/moved/app:1`]);
    for (const args of [
      ['nope:1', 'x:1'],
      [name('base:1'), 'Bad:1'],
      [name('base:1'), `x@${id('base')}`],
      [name('base:1'), 'sha256:abc'],
      [name('base:1'), 'a/b c'],
    ]) {
      await same(['tag', ...args]);
    }
    await same(['images', '--digests', '--format', '{{.Repository}} {{.Tag}} {{.ID}} {{.Digest}}'], inAnyOrder);
  }, 120_000);

  it('removes names and images', async () => {
    for (const args of [
      ['mine:x'],
      [short('base')],
      [id('app').slice(7)],
      ['nope:1'],
      ['-f', 'nope:1'],
      [name('base:1'), 'nope:2', name('app:2')],
      ['mine/base:2'],
      [`${upstream.host}/moved/app:1`],
      [name(`app@${images.app?.digest}`)],
      [name('app:1')],
      [short('app')],
      ['-f', short('base')],
      ['--no-prune', name('oci:1')],
      [id('empty').slice(7, 10)],
      ['Bad:X:Y'],
      [''],
    ]) {
      await same(['rmi', ...args], inAnyOrder);
      await same(['images', '-a', '--digests'], inAnyOrder);
    }
  }, 120_000);

  it('lets a tag move, and what it left is dangling', async () => {
    await removeAll();
    await pullAll();
    await same(['tag', name('base:1'), 'moving:1']);
    await same(['rmi', name('base:1'), name('base:1.0')], inAnyOrder);
    await same(['tag', name('app:1'), 'moving:1']);
    await same(['images', '-f', 'dangling=true', '--no-trunc'], inAnyOrder);
    await same(['images'], inAnyOrder);
    await same(['images', '-f', 'dangling=false', '-q'], inAnyOrder);
    await same(['image', 'prune', '-f'], inAnyOrder);
    await same(['image', 'prune', '-f', '--filter', 'label=tier=none']);
    await same(['image', 'prune', '-af', '--filter', 'label=tier=app'], inAnyOrder);
    await same(['image', 'prune', '-f', '--filter', 'bogus=1']);
    await same(['images', '-a', '--digests'], inAnyOrder);
    await same(['image', 'prune', '-af'], inAnyOrder);
    await same(['images', '-aq']);
  }, 120_000);

  it('saves and loads, each what the other has saved', async () => {
    await removeAll();
    await pullAll();
    await same(['tag', name('base:1'), 'saved/base:1']);
    const file = (path: string): string => join(folder, path);
    const selections: Record<string, string[]> = {
      one: [name('app:1')],
      several: [name('app:1'), 'saved/base:1', name('oci:1')],
      repository: [name('app')],
      byId: [id('app')],
      empty: [name('empty:1')],
    };
    for (const [selection, names] of Object.entries(selections)) {
      await real.docker.ok('save', '-o', file(`${selection}-real.tar`), ...names);
      await ours.ok('save', '-o', file(`${selection}-ours.tar`), ...names);
    }
    for (const args of [
      [name('none:1')],
      ['-o', '/nowhere/x.tar', name('app:1')],
      [name('app:1'), 'nope'],
      ['Bad:X:Y'],
    ]) {
      await same(['save', ...args], asNewerSave);
    }
    for (const selection of Object.keys(selections)) {
      for (const by of ['real', 'ours']) {
        await removeAll();
        const loading = ['load', '-i', file(`${selection}-${by}.tar`)];
        await same(loading, inAnyOrder);
        await analysed();
        await same(['images', '--no-trunc'], inAnyOrder);
        await same(loading, inAnyOrder);
        await same(['load', '-q', '-i', file(`${selection}-${by}.tar`)], inAnyOrder);
      }
    }
    await removeAll();
    await same(['load', '-i', file('one-real.tar')]);
    await pullAll();
    await same(['tag', name('base:1'), name('app:1')]);
    await same(['load', '-i', file('one-ours.tar')]);
  }, 180_000);

  it('refuses what is no archive', async () => {
    const file = (path: string): string => join(folder, path);
    await writeFile(file('junk.tar'), deterministicBytes(6_000));
    await writeFile(file('empty.tar'), '');
    await copyFile(file('one-real.tar'), file('cut.tar'));
    for (const path of ['junk.tar', 'empty.tar', 'nowhere.tar']) {
      await same(['load', '-i', file(path)]);
    }
  }, 120_000);
});
