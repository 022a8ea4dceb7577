// Who else speaks to Entrepot or reads and writes its archives: dockerode, skopeo, crane.
import { execFile } from 'node:child_process';
import { createReadStream, createWriteStream } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import {
  available,
  type BuiltImage,
  buildImage,
  buildIndex,
  describeWith,
  deterministicBytes,
  findProgram,
  startUpstream,
  type UpstreamRegistry,
  zstdStored,
} from '@entrepot/testing';
import Dockerode from 'dockerode';
import { describeStories, type Stack, startStack } from './stack.js';

const run = promisify(execFile);

describeStories('other clients', (profile) => {
  let stack: Stack;
  let upstream: UpstreamRegistry;
  let docker: BuiltImage;
  let oci: BuiltImage;

  beforeAll(async () => {
    upstream = await startUpstream();
    stack = await startStack({ profile });
    const base = [{ name: 'base', content: deterministicBytes(70_000, 'base') }];
    docker = await buildImage({ layers: [base, [{ name: 'app/run', content: 'run' }]] });
    oci = await buildImage({ format: 'oci', layers: [base, [{ name: 'etc/', type: 'directory' }]] });
    const arm = await buildImage({ format: 'oci', layers: [base], platform: 'linux/arm64' });
    upstream.putImage('team/docker', docker, '1');
    upstream.putImage('team/oci', oci, '1');
    upstream.putImage('team/index', buildIndex({ images: [oci, arm], format: 'oci', attestations: true }), '1');
  }, 120_000);
  afterAll(async () => {
    const violations = (await stack?.violations()) ?? [];
    await stack?.stop();
    await upstream?.close();
    expect(violations).toEqual([]);
  });

  const name = (path: string): string => `${upstream.host}/team/${path}`;
  const file = (path: string): string => join(stack.folder, path);

  it('dockerode pulls, lists, inspects, tags, saves, removes and loads', async () => {
    const { hostname, port } = new URL(stack.url);
    const client = new Dockerode({ protocol: 'http', host: hostname, port: Number(port) });
    expect(String(await client.ping())).toBe('OK');
    expect(await client.version()).toMatchObject({ Os: 'linux', ApiVersion: expect.stringMatching(/^1\./) });
    const said = await follow(client, await client.pull(name('docker:1')));
    expect(said.at(-1)).toEqual({ status: `Status: Downloaded newer image for ${name('docker:1')}` });
    await expect(client.pull(name('docker:2'))).rejects.toMatchObject({ statusCode: 404 });
    const list = await client.listImages({ filters: { reference: [name('docker')] } });
    expect(list).toEqual([expect.objectContaining({ Id: docker.config.digest, RepoTags: [name('docker:1')] })]);
    const image = client.getImage(name('docker:1'));
    expect(await image.inspect()).toMatchObject({
      Id: docker.config.digest,
      RepoDigests: [`${name('docker')}@${docker.digest}`],
      RootFS: { Layers: docker.layers.map(({ diffId }) => diffId) },
    });
    expect(await image.history()).toHaveLength(3);
    await image.tag({ repo: 'mine/docker', tag: 'x' });
    await pipeline(await client.getImage('mine/docker:x').get(), createWriteStream(file('dockerode.tar')));
    expect(await client.getImage('mine/docker:x').remove()).toEqual([{ Untagged: 'mine/docker:x' }]);
    await image.remove({ force: true });
    await expect(image.inspect()).rejects.toMatchObject({
      statusCode: 404,
      message: expect.stringContaining('No such image'),
    });
    await follow(client, await client.loadImage(createReadStream(file('dockerode.tar'))));
    expect(await client.getImage('mine/docker:x').inspect()).toMatchObject({ Id: docker.config.digest });
    await client.getImage(docker.config.digest).remove({ force: true });
  }, 60_000);

  /** Loads one archive as it is, in gzip and in zstd, and says what came of it. */
  async function loadThrice(archive: string, expected: { name: string; image: BuiltImage }): Promise<void> {
    const bytes = await readFile(archive);
    await writeFile(`${archive}.gz`, gzipSync(bytes));
    await writeFile(`${archive}.zst`, zstdStored(bytes));
    for (const path of [archive, `${archive}.gz`, `${archive}.zst`]) {
      expect(await stack.docker.ok('load', '-i', path)).toBe(`Loaded image: ${expected.name}\n`);
      const ids = await stack.docker.ok('images', '-q', '--no-trunc', expected.name);
      expect(ids.trim()).toBe(expected.image.config.digest);
      await stack.docker.ok('rmi', '-f', expected.image.config.digest);
    }
  }

  describeWith('skopeo', 'skopeo', () => {
    const skopeo = (...args: string[]) => run('skopeo', ['--insecure-policy', ...args]);
    const fromRegistry = ['copy', '--src-tls-verify=false'];

    it('writes archives that load, plain, gzip and zstd', async () => {
      await skopeo(...fromRegistry, `docker://${name('docker:1')}`, `docker-archive:${file('sk.tar')}:from/skopeo:1`);
      await loadThrice(file('sk.tar'), { name: 'from/skopeo:1', image: docker });
      await skopeo(...fromRegistry, `docker://${name('oci:1')}`, `oci-archive:${file('sko.tar')}:from/skopeo:2`);
      await loadThrice(file('sko.tar'), { name: 'from/skopeo:2', image: oci });
    }, 60_000);

    it('reads what was saved, as docker-archive and as oci-archive', async () => {
      for (const path of ['docker:1', 'oci:1']) await stack.docker.ok('pull', '-q', name(path));
      await stack.docker.ok('save', '-o', file('saved.tar'), name('docker:1'), name('oci:1'));
      for (const [path, image] of Object.entries({ 'docker:1': docker, 'oci:1': oci })) {
        await skopeo('copy', `docker-archive:${file('saved.tar')}:${name(path)}`, `dir:${file('copied')}`);
        const copied = JSON.parse(await readFile(file('copied/manifest.json'), 'utf8'));
        expect(copied.config.digest).toBe(image.config.digest);
        await rm(file('copied'), { recursive: true });
      }
      await stack.docker.ok('save', '-o', file('oci.tar'), name('oci:1'));
      await skopeo('copy', `oci-archive:${file('oci.tar')}`, `dir:${file('copied')}`);
      expect(await readFile(file('copied/manifest.json'))).toEqual(oci.bytes);
      await stack.docker.ok('rmi', '-f', docker.config.digest, oci.config.digest);
    }, 60_000);

    it('copies a whole index out of what was saved', async () => {
      await stack.docker.ok('pull', '-q', '--platform', 'linux/arm64', name('index:1'));
      await stack.docker.ok('pull', '-q', '--platform', 'linux/amd64', name('index:1'));
      await stack.docker.ok('save', '-o', file('index.tar'), name('index:1'));
      for (const architecture of ['amd64', 'arm64']) {
        const { stdout } = await skopeo('--override-arch', architecture, 'inspect', `oci-archive:${file('index.tar')}`);
        expect(JSON.parse(stdout).Architecture).toBe(architecture);
      }
      await stack.docker.ok('rmi', '-f', ...new Set((await stack.docker.ok('images', '-aq')).trim().split('\n')));
    }, 60_000);
  });

  const crane = findProgram('crane');
  (crane && available('docker') ? it : it.skip)(
    'crane writes archives that load',
    async () => {
      await run(crane as string, ['pull', '--insecure', name('docker:1'), file('crane.tar')]);
      await loadThrice(file('crane.tar'), { name: name('docker:1'), image: docker });
    },
    60_000,
  );
});

function follow(client: Dockerode, stream: NodeJS.ReadableStream): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    client.modem.followProgress(stream, (error: Error | null, messages: unknown[]) =>
      error ? reject(error) : resolve(messages),
    );
  });
}
