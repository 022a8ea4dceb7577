// Dockerfiles without RUN, built by the docker command with Entrepot and with a real dockerd 20.10: what it prints, the
// resulting config, history and files are the same.
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { defaultTarLimits, TarReader } from '@entrepot/layers';
import { buildImage, buildTar, describeWith } from '@entrepot/testing';
import type { DockerCli, DockerRun } from './docker-cli.js';
import { type Dockerd, startDockerd } from './dockerd.js';
import { type Stack, startStack } from './stack.js';

const baseFiles = [
  { name: 'bin/', type: 'directory' as const },
  { name: 'bin/sh', content: 'shell', mode: 0o755 },
  { name: 'etc/', type: 'directory' as const },
  { name: 'etc/passwd', content: 'root:x:0:0::/:\nnobody:x:65534:65534::/:\n' },
  { name: 'etc/group', content: 'root:x:0:\nnogroup:x:65534:\n' },
  { name: 'usr/', type: 'directory' as const },
  { name: 'usr/lib/', type: 'directory' as const },
  { name: 'lib', type: 'symlink' as const, linkname: 'usr/lib' },
];

const from = 'FROM base:1\n';

const dockerfiles: Readonly<Record<string, string>> = {
  config: `${from}LABEL built=yes version="1"\nENV A=hello B="b c"\nARG WHO=world\nUSER nobody\nEXPOSE 80 443/udp\nVOLUME /data\nSTOPSIGNAL SIGTERM\nSHELL ["/bin/sh", "-ec"]\nENTRYPOINT ["/bin/sh"]\nCMD ["-c", "cat /x"]\n`,
  substitution: `ARG V=1\nFROM base:$V\nARG V\nARG X=\${V:-none}\nENV P=\${X:+yes} Q=\${NOPE:-def$X} R='$X' S="$X" T=\\$X\nLABEL "a.b"=$X c='$d'\nWORKDIR /a\nWORKDIR b\nWORKDIR \${Q}\nEXPOSE $X\n`,
  places: `${from}COPY hello.txt /bin\nCOPY hello.txt /new/\nCOPY hello.txt /file\nWORKDIR /w\nCOPY hello.txt .\nCOPY hello.txt ./r/\nCOPY sub /etc/sub\nCOPY sub/ /lib/y\nCOPY hello.txt /bin/sh\nCOPY link /l/\n`,
  patterns: `${from}COPY *.txt /g/\nCOPY h?llo.txt /g2/\nCOPY sub/*/*.txt /g3/\nCOPY ["a b.txt", "/with space/"]\nCOPY . /all/\n`,
  owners: `${from}COPY --chown=nobody:nogroup suid /s\nCOPY --chown=1000:1001 sub /nd/e\nCOPY --chown=12 hello.txt /nf/a/b\nCOPY suid /t\n`,
  archives: `${from}ADD pack.tar.gz /\nADD pack.tar.gz hello.txt /p/\nCOPY pack.tar.gz /q/\nADD --chown=1:2 pack.tar.gz /r/\n`,
  stages: `FROM scratch AS one\nCOPY hello.txt /f\nCOPY suid /s\nFROM base:1 AS two\nCOPY --from=one /f /g\nCOPY --from=0 / /one/\nFROM two\nCOPY --from=base:1 /etc/passwd /p\n`,
  triggers: `${from}ONBUILD COPY hello.txt /ob\nONBUILD ENV OB=1\n`,
  triggered: 'FROM built/triggers:1\nENV z=1\n',
  'missing file': `${from}COPY nope /\n`,
  'no match': `${from}COPY nope* /x/\n`,
  'outside of the context': `${from}COPY ../x /\n`,
  'unknown user': `${from}COPY --chown=who hello.txt /\n`,
  'unknown instruction': `${from}BOGUS x\n`,
  'wrong signal': `${from}STOPSIGNAL FOO\n`,
  'no stage name': `FROM base:1 AS 1x\n`,
  'a stage name twice': `FROM base:1 AS x\nFROM base:1 AS x\n`,
  'no such stage': `${from}COPY --from=5 /etc /e\n`,
  'its own stage': `${from}COPY --from=0 /etc /e\n`,
  'nowhere to go': `${from}WORKDIR $NOPE\n`,
  'no owner': `${from}COPY --chown= hello.txt /h\n`,
};

describeWith(['docker', 'dockerd'], 'builds beside dockerd 20.10', () => {
  let stack: Stack;
  let daemon: Dockerd;
  let files: { name: string; content?: string | Buffer }[];
  const both = (): [DockerCli, DockerCli] => [stack.docker, daemon.docker];

  beforeAll(async () => {
    [stack, daemon] = await Promise.all([startStack({ pullers: 0, archivers: 2 }), startDockerd()]);
    await loadBase();
    const packed = await buildTar([
      { name: 'd/', type: 'directory' },
      { name: 'd/f', content: 'content', mode: 0o4755 },
    ]);
    files = [
      { name: 'hello.txt', content: 'hello\n' },
      { name: 'a b.txt', content: 'space' },
      { name: 'suid', content: 'suid', ...{ mode: 0o6755 } },
      { name: 'link', ...{ type: 'symlink', linkname: 'hello.txt' } },
      { name: 'sub/', ...{ type: 'directory' } },
      { name: 'sub/s.txt', content: 's' },
      { name: 'sub/deep/', ...{ type: 'directory' } },
      { name: 'sub/deep/d.txt', content: 'd' },
      { name: 'pack.tar.gz', content: gzipSync(packed) },
    ];
  }, 180_000);

  afterAll(async () => {
    await Promise.all([stack?.stop(), daemon?.stop()]);
  });

  it.each(Object.entries(dockerfiles))('%s', async (name, dockerfile) => {
    const tag = `built/${name.replaceAll(' ', '-')}:1`;
    const context = await buildTar([...files, { name: 'Dockerfile', content: dockerfile }]);
    const [ours, theirs] = both();
    const run = await ours.withInput(context, 'build', '-t', tag, '-');
    expect(told(run)).toEqual(told(await theirs.withInput(context, 'build', '-t', tag, '-')));
    if (run.exitCode !== 0) return;
    expect(await describeImage(ours, tag)).toEqual(await describeImage(theirs, tag));
    const again = await ours.withInput(context, 'build', '-t', tag, '-');
    expect(again.stdout).not.toContain('Running in');
  });

  it('does what the options say, and rmi prunes as a daemon does', async () => {
    const dockerfile = 'FROM base:1 AS one\nENV A=b\nCOPY . /all\nFROM one\nENV C=d\n';
    const ignored = { name: '.dockerignore', content: 'sub\nDockerfile\n' };
    const context = await buildTar([...files, ignored, { name: 'Dockerfile', content: dockerfile }]);
    const steps: string[][] = [
      ['build', '--no-cache', '-t', 'opt:1', '-'],
      ['build', '-q', '-t', 'opt:2', '-'],
      ['build', '--target', 'one', '--label', 'x=y', '-t', 'opt:3', '-t', 'opt:4', '-'],
      ['build', '--target', 'three', '-'],
      ['build', '--build-arg', 'NOPE=1', '-'],
      ['build', '--platform', 'a/b/c/d', '-'],
      ['build', '-f', 'nope', '-'],
      ['images', '-a', '--format', '{{.Size}}', '--filter', 'dangling=false', 'opt'],
      ['rmi', 'opt:4'],
      ['rmi', '--no-prune', 'opt:3'],
      ['rmi', 'opt:2'],
      ['rmi', 'opt:1'],
    ];
    for (const args of steps) {
      const [ours, theirs] = await Promise.all(both().map((docker) => docker.withInput(context, ...args)));
      expect({ args, ...told(ours as DockerRun) }).toEqual({ args, ...told(theirs as DockerRun) });
    }
  });

  it('writes the id to a file, and a real daemon loads the image by it', async () => {
    const folder = await mkdtemp(join(stack.folder, 'context-'));
    await writeFile(join(folder, 'Dockerfile'), 'FROM base:1\nCOPY --chmod=4711 f /f\nUSER nobody\n');
    await writeFile(join(folder, 'f'), 'content');
    const at = (name: string): string => join(stack.folder, name);
    const epoch = ['--build-arg', 'SOURCE_DATE_EPOCH=1700000000'];
    const build = (file: string): Promise<string> =>
      stack.docker.ok('build', '--no-cache', ...epoch, '--iidfile', at(file), '-t', 'iid:1', folder);
    await Promise.all(['iid-1', 'iid-2'].map(build));
    const id = await readFile(at('iid-1'), 'utf8');
    expect(id).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(await readFile(at('iid-2'), 'utf8')).toBe(id);
    await stack.docker.ok('save', '-o', at('iid.tar'), 'iid:1');
    await daemon.docker.ok('load', '-i', at('iid.tar'));
    expect((await daemon.docker.ok('inspect', '-f', '{{.Id}}', 'iid:1')).trim()).toBe(id);
    expect((await filesOf(daemon.docker, 'iid:1')).f).toMatch(/^file 4711 0:0 /);
    expect(await filesOf(daemon.docker, 'iid:1')).toEqual(await filesOf(stack.docker, 'iid:1'));
  });

  it('refuses a context at an address', async () => {
    const answer = await fetch(`${stack.url}/build?remote=https://example.org/context.tar`, { method: 'POST' });
    expect({ status: answer.status, ...((await answer.json()) as object) }).toEqual({
      status: 501,
      message: expect.stringContaining('a build context at an address is not supported'),
    });
  });

  async function loadBase(): Promise<void> {
    const image = await buildImage({ layers: [baseFiles], config: { Env: ['PATH=/bin'], Cmd: ['sh'] } });
    const archive = await buildTar([
      { name: 'config.json', content: image.config.bytes },
      { name: 'layer.tar', content: image.layers[0]?.tar },
      {
        name: 'manifest.json',
        content: JSON.stringify([{ Config: 'config.json', RepoTags: ['base:1'], Layers: ['layer.tar'] }]),
      },
    ]);
    const path = join(stack.folder, 'base.tar');
    await writeFile(path, archive);
    for (const docker of both()) await docker.ok('load', '-i', path);
  }
});

/** Ids differ, and newer daemons changed two sentences. */
function told({ exitCode, stdout, stderr }: DockerRun): object {
  const plain = (text: string): string =>
    text
      .replaceAll(/\b[0-9a-f]{64}\b/g, '<id>')
      .replaceAll(/\b[0-9a-f]{12}\b/g, '<short id>')
      .replaceAll(' ---> Removed intermediate', 'Removing intermediate')
      .replaceAll('parse error on line', 'parse error line')
      .replace(/DEPRECATED:[\s\S]*?\n\n/, '');
  return { exitCode, stdout: plain(stdout), stderr: plain(stderr) };
}

async function describeImage(docker: DockerCli, tag: string): Promise<object> {
  const [detail] = JSON.parse(await docker.ok('inspect', tag));
  // dockerd also notes the container of the last step.
  const { Hostname: _, Image: __, ...config } = detail.Config;
  const isSet = (value: unknown): boolean => value !== null && value !== '' && value !== false && !isEmpty(value);
  const history = await docker.ok('history', '--no-trunc', '--format', '{{.CreatedBy}}', tag);
  return {
    config: Object.fromEntries(Object.entries(config).filter(([, value]) => isSet(value))),
    history: history.replaceAll(/\b[0-9a-f]{64}\b/g, '<hash>'),
    layers: detail.RootFS.Layers.length,
    files: await filesOf(docker, tag),
  };
}

const isEmpty = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0;

/** What a daemon adds to every container is left out. */
async function filesOf(docker: DockerCli, tag: string): Promise<Record<string, string>> {
  const container = (await docker.ok('create', tag, 'x')).trim();
  const { stdout } = await docker.withInput(Buffer.alloc(0), 'export', container);
  await docker.ok('rm', container);
  const found: Record<string, string> = {};
  const bytes = async function* () {
    yield Buffer.from(stdout, 'latin1');
  };
  for await (const [entry, body] of new TarReader(bytes(), defaultTarLimits)) {
    const hash = createHash('sha256');
    for await (const chunk of body) hash.update(chunk);
    const { type, mode, uid, gid, linkTarget } = entry;
    found[entry.name] =
      `${type} ${mode.toString(8)} ${uid}:${gid} ${linkTarget ?? ''} ${hash.digest('hex').slice(0, 8)}`;
  }
  for (const name of Object.keys(found)) {
    if (/^(?:dev|proc|sys)\/|^\.dockerenv$|^etc\/(?:hosts|hostname|mtab|resolv\.conf)?$/.test(name)) delete found[name];
  }
  return found;
}
