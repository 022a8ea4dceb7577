import { spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, open, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tarEnd, tarPadding, textOfBytes, writeTarHeader } from '@entrepot/layers';
import { buildImage, buildTar, describeWith, deterministicBytes, type LayerEntry } from '@entrepot/testing';
import type { DockerCli, DockerRun } from './docker-cli.js';
import { type Dockerd, startDockerd } from './dockerd.js';
import { type Stack, startStack } from './stack.js';
import { treeOfTar } from './tree-of-tar.js';

const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex').toString('latin1');
const longName = ['long', ...['d', 'e', 'f'].map((letter) => letter.repeat(200)), 'g'.repeat(100)].join('/');

/** Two layers with everything that an image can have, the upper one with whiteouts. */
const layers: LayerEntry[][] = [
  [
    { name: 'app/', mode: 0o750, uid: 10, gid: 20 },
    { name: 'app/conf/' },
    { name: 'app/conf/a.ini', content: 'a' },
    { name: 'app/conf/b.ini', content: 'b' },
    { name: 'app/data.bin', content: deterministicBytes(300_000, 'data') },
    { name: 'app/run.sh', content: 'run', mode: 0o755 },
    { name: 'bin/' },
    { name: 'bin/busybox', content: deterministicBytes(10_000, 'busybox'), mode: 0o755 },
    { name: 'bin/ls', type: 'link', linkname: 'bin/busybox', mode: 0o755 },
    { name: 'bin/sh', type: 'symlink', linkname: 'busybox' },
    { name: 'dev/' },
    { name: 'dev/null', type: 'character-device', mode: 0o666, devmajor: 1, devminor: 3 },
    { name: 'etc/' },
    { name: 'etc/group', content: 'root:x:0:\nstaff:x:50:\n' },
    { name: 'etc/passwd', content: 'root:x:0:0::/:/bin/sh\nuser:x:1000:50::/:/bin/sh\n' },
    { name: 'fifo', type: 'fifo' },
    { name: 'ln-abs', type: 'symlink', linkname: '/app/conf' },
    { name: 'ln-loop', type: 'symlink', linkname: 'ln-loop' },
    { name: 'ln-up', type: 'symlink', linkname: '../../../etc/passwd' },
    { name: `${longName}`, content: 'long' },
    { name: 'suid', content: 'suid', mode: 0o4755 },
    { name: 'tmp/', mode: 0o1777 },
    { name: 'unicodé-ß-漢', content: 'name' },
  ],
  [
    { name: 'app/', mode: 0o750, uid: 10, gid: 20 },
    { name: 'app/conf/' },
    { name: 'app/conf/.wh.b.ini' },
    { name: 'app/conf/c.ini', content: 'c' },
    { name: 'opq/' },
    { name: 'opq/new', content: 'new' },
  ],
];

/** What is done to both, one after the other. `<` is what comes on the standard input. */
interface Step {
  args: string[];
  input?: LayerEntry[] | Buffer | (() => Promise<Buffer>);
}

const step = (line: string, input?: Step['input']): Step => ({ args: line.split(' '), input });

/** Names that are no UTF-8, as long as a system takes them, and extended attributes of any bytes. */
async function oddNames(): Promise<Buffer> {
  const plain = { mode: 0o644, uid: 1, gid: 2, mtimeMs: 1_700_000_000_000, linkTarget: null, device: null, xattrs: {} };
  const odd = Buffer.from([0x6f, 0x64, 0x64, 0xff, 0xe9, 0x80]);
  const veryLong = Array.from({ length: 19 }, (_, index) => String.fromCharCode(97 + index).repeat(200)).join('/');
  const write = (name: string, content: string, more: object = {}): Buffer[] => {
    const header = writeTarHeader({ ...plain, name, type: 'file', sizeBytes: content.length, ...more });
    return [header, Buffer.from(content), tarPadding(content.length)];
  };
  const link = { type: 'symlink', linkTarget: textOfBytes(Buffer.concat([odd, Buffer.from('/x')])) };
  const capable = { xattrs: { 'security.capability': textOfBytes(Buffer.from(`01000002${'ff'.repeat(16)}`, 'hex')) } };
  return Buffer.concat([
    ...write(textOfBytes(odd), 'not text'),
    ...write(textOfBytes(Buffer.concat([Buffer.from('dir-'), odd, Buffer.from('/x')])), 'below'),
    ...write('to-odd', '', link),
    ...write(veryLong, 'far below'),
    ...write('capable', 'c', capable),
    tarEnd,
  ]);
}

/** A file of which most is a hole, as GNU tar writes it. */
async function sparseFile(): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'entrepot-sparse-'));
  const file = await open(join(folder, 'sparse'), 'w');
  await file.write('head', 0);
  await file.write('middle', 5_000_000);
  await file.truncate(9_000_000);
  await file.close();
  const { stdout } = spawnSync('tar', ['-c', '-S', '--format=pax', '-C', folder, 'sparse']);
  await rm(folder, { recursive: true });
  return stdout;
}

const steps: Step[] = [
  step('create --name c1 -e A=1 -l x=y -w /work/dir base:1 /bin/sh -c true'),
  step('create --name c1 base:1 x'),
  step('create --name -bad- base:1 x'),
  step('create --name c2 -u user base:1 x'),
  step('create --name c3 -v /vol/one base:1 x'),
  step('diff c1'),
  step('diff c2'),
  step('diff c3'),
  step('diff nosuch'),
  step('cp f.txt c1:/app/new.txt'),
  step('cp f.txt c1:/app/'),
  step('cp f.txt c1:/app/run.sh'),
  step('cp f.txt c1:relative.txt'),
  step('cp f.txt c1:/bin/sh'),
  step('cp f.txt c1:/ln-abs'),
  step('cp f.txt c1:/ln-abs/through.txt'),
  step('cp f.txt c1:/ln-up'),
  step('cp d c1:/app'),
  step('cp d/. c1:/tmp/merged'),
  step('cp d c1:/tmp/renamed'),
  step('cp d c1:/tmp/renamed'),
  step('cp d/link c1:/tmp/'),
  step('cp -L d/link c1:/tmp/followed'),
  step('cp f.txt c1:/no/such/dir/x'),
  step('cp f.txt nosuch:/x'),
  step('cp missing c1:/x'),
  step('cp - c1:/nodir', []),
  step('cp - c1:/tmp', [
    { name: 'tar/', mode: 0o711, uid: 7, gid: 8 },
    { name: 'tar/suid', content: 's', mode: 0o6755, uid: 1234567, gid: 7 },
    { name: 'tar/one', content: 'hard' },
    { name: 'tar/two', type: 'link', linkname: 'tar/one' },
    { name: 'tar/fifo', type: 'fifo', mode: 0o600 },
    { name: 'tar/cap', content: 'c', pax: { 'SCHILY.xattr.security.capability': capability } },
    { name: 'tar/inner-link', type: 'symlink', linkname: 'one' },
    { name: `tar/${longName}`, content: 'deep' },
    { name: 'implied/dir/file', content: 'i' },
  ]),
  step('cp - c1:/tmp', oddNames),
  // The older form of GNU tar is refused by that daemon and taken here.
  step('cp - c1:/tmp', sparseFile),
  step('cp - c1:/tmp', [{ name: '../escape', content: 'x' }]),
  step('cp - c1:/tmp', [{ name: '/absolute', content: 'x' }]),
  step('cp - c1:/tmp', [{ name: 'l', type: 'symlink', linkname: '../../etc' }]),
  step('cp - c1:/tmp', [{ name: 'l', type: 'link', linkname: '../etc/passwd' }]),
  step('cp - c1:/', [
    { name: 'bin/ln', type: 'link', linkname: 'bin/busybox', mode: 0o640 },
    { name: 'ln-abs/via-parent', content: 'p' },
  ]),
  step('cp - c1:/app', [{ name: 'conf', content: 'not a directory' }]),
  step('cp - c1:/app', [{ name: 'new.txt/', content: '' }]),
  step('cp - c1:/app', Buffer.from('this is no tar at all, but long enough to be looked at'.repeat(40))),
  step('cp - c1:/app/new.txt', [{ name: 'x', content: 'x' }]),
  step('diff c1'),
  step('cp c1:/app/new.txt -'),
  step('cp c1:/nosuch -'),
  step('cp c1:/app/new.txt/ -'),
  step('cp c1:/../../etc/passwd -'),
  step('cp nosuch:/x -'),
  step('cp c1:/ln-loop/x -'),
  step('cp d c2:/app'),
  step('diff c2'),
  step('rename c2 c1'),
  step('rename c2 c2b'),
  step('rename nosuch z'),
  step('commit -m message -a author c1 made:1'),
  step('commit -c RUN_x c1 made:bad'),
  step('commit nosuch made:bad'),
  step('commit c2b made:plain'),
  {
    args: [
      ...['commit', '-c', 'CMD ["x","y"]', '-c', 'ENV K=V', '-c', 'LABEL l=1', '-c', 'EXPOSE 99', '-c', 'WORKDIR /z'],
      ...['-c', 'USER 7', '-c', 'VOLUME /v', '-c', 'ENTRYPOINT ["/e"]', 'c1', 'made:2'],
    ],
  },
  step('commit c3 made:3'),
  step('inspect -f {{json.Config}} c1'),
  step('ps -a --format {{.Names}}|{{.Image}}|{{.Status}}'),
  step('ps -q'),
  step('ps -a -f bogus=1'),
  step('rmi base:1'),
  step('stop c1'),
  step('kill c1'),
  step('rm nosuch'),
  step('rm -f nosuch'),
  step('rm c2b'),
  step('logs c1'),
];

describeWith('dockerd', 'containers beside a real daemon', () => {
  let stack: Stack;
  let daemon: Dockerd;
  const path = (name: string): string => join(stack.folder, name);
  const both = (): [DockerCli, DockerCli] => [stack.docker, daemon.docker];

  beforeAll(async () => {
    stack = await startStack({ pullers: 0, archivers: 2 });
    daemon = await startDockerd();
    await writeBaseImage();
    for (const docker of both()) await docker.ok('load', '-i', path('base.tar'));
    await writeFiles();
  }, 240_000);

  afterAll(async () => {
    await Promise.all([stack?.stop(), daemon?.stop()]);
  });

  async function writeBaseImage(): Promise<void> {
    const image = await buildImage({ layers, config: { Env: ['PATH=/bin'], Cmd: ['sh'], Labels: { base: 'yes' } } });
    const names = image.layers.map((_, index) => `${index}/layer.tar`);
    const archive = await buildTar([
      { name: 'config.json', content: image.config.bytes },
      ...image.layers.map((layer, index) => ({ name: names[index] as string, content: layer.tar })),
      {
        name: 'manifest.json',
        content: JSON.stringify([{ Config: 'config.json', RepoTags: ['base:1'], Layers: names }]),
      },
    ]);
    await writeFile(path('base.tar'), archive);
  }

  async function writeFiles(): Promise<void> {
    await writeFile(path('f.txt'), 'hello\n');
    await chmod(path('f.txt'), 0o640);
    await mkdir(path('d/inner'), { recursive: true });
    await writeFile(path('d/one'), '1');
    await writeFile(path('d/inner/two'), deterministicBytes(70_000, 'two'));
    await symlink('one', path('d/link'));
  }

  async function run(docker: DockerCli, { args, input }: Step): Promise<DockerRun> {
    const words = args.map((word) => (/^(?:f\.txt|missing|d(?:\/.*)?)$/.test(word) ? path(word) : word));
    if (input === undefined) return docker(...words);
    if (typeof input === 'function') return docker.withInput(await input(), ...words);
    return docker.withInput(Buffer.isBuffer(input) ? input : await buildTar(input), ...words);
  }

  /** What differs between two daemons by nature: ids, places, times, and the order of a walk. */
  function told({ exitCode, stdout, stderr }: DockerRun, [command]: string[]): object {
    const plain = (text: string): string =>
      text
        .replaceAll(/\S*\/merged(?=\/|\b)/g, '')
        .replaceAll(stack.folder, '')
        .replaceAll(/\b[0-9a-f]{64}\b/g, '<id>')
        .replaceAll(/\b[0-9a-f]{12}\b/g, '<short id>')
        .replaceAll(/time="[^"]*"/g, 'time');
    const out = command === 'diff' ? stdout.split('\n').sort().join('\n') : plain(stdout);
    // Newer daemons leave the first words out, and write others small.
    const err = plain(stderr).replace('Error processing tar file(exit status 1): ', '').replace('"/app/', '"');
    return { exitCode, stdout: command === 'cp' ? '' : out, stderr: err.toLowerCase() };
  }

  it.each(steps.map((it) => [it.args.join(' '), it] as const))('docker %s', async (_, it) => {
    const [ours, theirs] = [await run(stack.docker, it), await run(daemon.docker, it)];
    expect(told(ours, it.args)).toEqual(told(theirs, it.args));
  });

  async function exportOf(docker: DockerCli, container: string): Promise<string[]> {
    await docker.ok('export', '-o', path('export.tar'), container);
    return treeOfTar(path('export.tar'));
  }

  it.each(['c1', 'c3'])('exports the same tree of %s', async (container) => {
    expect(await exportOf(stack.docker, container)).toEqual(await exportOf(daemon.docker, container));
  });

  it.each(['/', '/app', '/app/.', '/etc/passwd', '/bin/ls', '/ln-up', '/tmp/tar', '/dev'])(
    'copies the same out of %s',
    async (from) => {
      const trees: string[][] = [];
      for (const docker of both()) {
        const { stdout } = await docker.withInput(Buffer.alloc(0), 'cp', `c1:${from}`, '-');
        await writeFile(path('out.tar'), stdout, 'latin1');
        trees.push(await treeOfTar(path('out.tar')));
      }
      expect(trees[0]).toEqual(trees[1]);
    },
  );

  it.each(['made:1', 'made:2', 'made:3', 'made:plain'])('says the same of %s', async (image) => {
    const fields = [
      'Cmd',
      'Entrypoint',
      'Env',
      'Labels',
      'ExposedPorts',
      'Volumes',
      'WorkingDir',
      'User',
      'StopSignal',
    ];
    const format = [
      ...fields.map((field) => `{{json .Config.${field}}}`),
      '{{.Author}}',
      '{{.Comment}}',
      '{{len .RootFS.Layers}}',
    ];
    const [ours, theirs] = await Promise.all(
      both().map((docker) => docker.ok('inspect', '-f', format.join('\n'), image)),
    );
    expect(ours).toBe(theirs);
  });

  it.each(['made:1', 'made:3'])('makes %s so that a real daemon unpacks the same tree', async (image) => {
    await daemon.docker.ok('create', '--name', 'own', image, 'x');
    const own = await exportOf(daemon.docker, 'own');
    await daemon.docker.ok('rm', 'own');
    await stack.docker.ok('save', '-o', path('saved.tar'), image);
    await daemon.docker.ok('load', '-i', path('saved.tar'));
    await daemon.docker.ok('create', '--name', 'loaded', image, 'x');
    const loaded = await exportOf(daemon.docker, 'loaded');
    await daemon.docker.ok('rm', 'loaded');
    expect(loaded).toEqual(own);
  });

  it('imports what a container exports, and calls it one layer', async () => {
    await stack.docker.ok('export', '-o', path('import.tar'), 'c1');
    const trees: string[][] = [];
    for (const docker of both()) {
      const id = (await docker.ok('import', '-c', 'CMD ["sh"]', '-m', 'from a tar', path('import.tar'), 'in:1')).trim();
      expect(
        await docker.ok('inspect', '-f', '{{.Id}} {{len .RootFS.Layers}} {{.Comment}} {{.Config.Cmd}}', 'in:1'),
      ).toBe(`${id} 1 from a tar [sh]\n`);
      await docker.ok('create', '--name', 'imported', 'in:1', 'sh');
      trees.push(await exportOf(docker, 'imported'));
    }
    expect(trees[0]).toEqual(trees[1]);
    const garbage = await stack.docker.withInput(await readFile(path('d/inner/two')), 'import', '-', 'in:bad');
    expect(garbage).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('archive/tar: invalid tar header') });
  });
});
