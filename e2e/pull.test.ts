import { setTimeout as sleep } from 'node:timers/promises';
import {
  type BuiltImage,
  buildArtifact,
  buildImage,
  buildIndex,
  deterministicBytes,
  startUpstream,
  type UpstreamRegistry,
} from '@entrepot/testing';
import { describeStories, type Stack, startStack } from './stack.js';

describeStories('docker pull', (profile) => {
  let stack: Stack;
  let upstream: UpstreamRegistry;

  beforeAll(async () => {
    upstream = await startUpstream();
    stack = await startStack({ profile });
  }, 120_000);
  beforeEach(() => {
    upstream.faults.clear();
    upstream.requests.length = 0;
  });
  afterAll(async () => {
    const violations = (await stack?.violations()) ?? [];
    await stack?.stop();
    await upstream?.close();
    expect(violations).toEqual([]);
  });

  const short = (image: BuiltImage, layer: number): string =>
    image.layers[layer]?.descriptor.digest.slice(7, 19) as string;
  const digestOf = (image: BuiltImage, layer = 0): string => image.layers[layer]?.descriptor.digest as string;
  const name = (path: string): string => `${upstream.host}/${path}`;
  /** A layer that cannot be compressed away. */
  const filled = (bytes: number, seed: string) => [{ name: seed, content: deterministicBytes(bytes, seed) }];

  /** Big enough that a cut transfer can go on: an object store keeps parts, and small objects come in one. */
  const resumableBytes = profile === 'production' ? 80_000_000 : 6_000_000;
  /** What a store may have taken without being sure of it: parts that are being sent, or what is not written yet. */
  const windowBytes = (profile === 'production' ? 32 : 1) * 1024 * 1024;
  const bytesDone = async (digest: string): Promise<number> => {
    const [row] = await stack.database.prisma.$queryRaw<{ done: number }[]>`
      select bytes_done::int as done from blob_fetch where digest = ${digest}`;
    return row?.done ?? 0;
  };

  async function until(what: string, check: () => boolean | Promise<boolean>, ms = 10_000): Promise<void> {
    const deadline = Date.now() + ms;
    while (!(await check())) {
      if (Date.now() > deadline) throw new Error(`waited in vain: ${what}`);
      await sleep(20);
    }
  }

  it('says what docker says: new, shared and all of it here', async () => {
    const base = await buildImage({ layers: [filled(5_000, 'base')] });
    const app = await buildImage({ layers: [filled(5_000, 'base'), filled(5_000, 'app')] });
    upstream.putImage('demo/base', base, '1');
    upstream.putImage('demo/app', app, '1');
    const first = await stack.docker.ok('pull', name('demo/base:1'));
    expect(first.trim().split('\n')).toEqual([
      '1: Pulling from demo/base',
      `${short(base, 0)}: Pulling fs layer`,
      `${short(base, 0)}: Verifying Checksum`,
      `${short(base, 0)}: Download complete`,
      `${short(base, 0)}: Pull complete`,
      `Digest: ${base.digest}`,
      `Status: Downloaded newer image for ${name('demo/base:1')}`,
      name('demo/base:1'),
    ]);
    const second = await stack.docker.ok('pull', name('demo/app:1'));
    expect(second).toContain(`${short(app, 0)}: Already exists\n${short(app, 1)}: Pulling fs layer\n`);
    expect(upstream.requested('blob').filter((line) => line.includes(digestOf(base)))).toHaveLength(1);
  });

  it('asks one thing of the registry when an image is up to date', async () => {
    const image = await buildImage({ layers: [filled(2_000, 'fresh')] });
    upstream.putImage('demo/fresh', buildIndex({ images: [image] }), '1', '2');
    await stack.docker.ok('pull', name('demo/fresh:1'));
    upstream.requests.length = 0;
    expect(await stack.docker.ok('pull', name('demo/fresh:1'))).toContain('Status: Image is up to date for');
    expect(upstream.requested('manifest')).toEqual(['HEAD /v2/demo/fresh/manifests/1']);
    expect(await stack.docker.ok('pull', name('demo/fresh:2'))).toContain('Status: Downloaded newer image for');
    expect(upstream.requested('manifest')).toEqual([
      'HEAD /v2/demo/fresh/manifests/1',
      'HEAD /v2/demo/fresh/manifests/2',
    ]);
  });

  it('pulls all tags, and no word with -q but the name', async () => {
    const [a, b] = [
      await buildImage({ layers: [filled(2_000, 'tag a')] }),
      await buildImage({ layers: [filled(2_000, 'tag b')] }),
    ];
    upstream.putImage('demo/tags', a, 'a', 'a2');
    upstream.putImage('demo/tags', b, 'b');
    const lines = (await stack.docker.ok('pull', '-a', name('demo/tags'))).trim().split('\n');
    expect(lines.filter((line) => line.includes('Pulling from'))).toEqual([
      'a: Pulling from demo/tags',
      'a2: Pulling from demo/tags',
      'b: Pulling from demo/tags',
    ]);
    expect(lines.filter((line) => line.startsWith('Status:'))).toEqual([
      `Status: Downloaded newer image for ${name('demo/tags')}`,
    ]);
    expect((await stack.docker.ok('images', '-q', name('demo/tags'))).trim().split('\n')).toHaveLength(3);
    expect(await stack.docker.ok('pull', '-q', name('demo/tags:a'))).toBe(`${name('demo/tags:a')}\n`);
  });

  it('chooses platforms, and warns about a single image of another one', async () => {
    const [amd64, arm64] = [
      await buildImage({ layers: [filled(900, 'amd')] }),
      await buildImage({ layers: [filled(900, 'arm')], platform: 'linux/arm64' }),
    ];
    upstream.putImage('demo/multi', buildIndex({ images: [amd64, arm64], attestations: true }), '1');
    upstream.putImage('demo/single', arm64, '1');
    const arch = () => stack.docker.ok('image', 'inspect', '-f', '{{.Architecture}}', name('demo/multi:1'));
    await stack.docker.ok('pull', '--platform', 'linux/amd64', name('demo/multi:1'));
    expect(await arch()).toBe('amd64\n');
    await stack.docker.ok('pull', '--platform', 'linux/arm64', name('demo/multi:1'));
    expect(await arch()).toBe('arm64\n');
    const none = await stack.docker('pull', '--platform', 'linux/s390x', name('demo/multi:1'));
    expect(none.exitCode).toBe(1);
    expect(none.stderr).toContain('no matching manifest for linux/s390x in the manifest list entries');
    expect(none.stderr).not.toContain('Error response from daemon');
    expect(await stack.docker.ok('pull', '--platform', 'linux/amd64', name('demo/single:1'))).toContain(
      `WARNING: image with reference ${name('demo/single:1')} was found but its platform (linux/arm64) does not match the specified platform (linux/amd64)`,
    );
  });

  it('refuses what is no image, and says so as docker does', async () => {
    upstream.putImage('demo/artifact', buildArtifact(), '1');
    const artifact = await stack.docker('pull', name('demo/artifact:1'));
    expect(artifact).toMatchObject({ exitCode: 1, stdout: '1: Pulling from demo/artifact\n' });
    expect(artifact.stderr.trim()).toBe('unsupported media type application/vnd.oci.empty.v1+json');
    const unknown = await stack.docker('pull', name('demo/none:1'));
    expect(unknown.stderr.trim()).toBe(
      `Error response from daemon: manifest for ${name('demo/none:1')} not found: manifest unknown: manifest unknown`,
    );
    const platform = await stack.docker('pull', '--platform', 'garbage/x/y/z', name('demo/base:1'));
    expect(platform.stderr.trim()).toBe(
      'Error response from daemon: "garbage/x/y/z": cannot parse platform specifier: invalid argument',
    );
  });

  it('never lets the docker command ask for a password', async () => {
    upstream.faults.add({ on: 'manifest' }, { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } });
    const refused = await stack.docker('pull', name('demo/private:1'));
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain('no basic auth credentials');
  });

  it('fetches each blob once for two who want it at the same time', async () => {
    const image = await buildImage({ layers: [filled(3_000_000, 'shared 1'), filled(2_000_000, 'shared 2')] });
    upstream.putImage('demo/shared', image, '1');
    upstream.putImage('other/name', image, '1');
    upstream.faults.add({ on: 'blob' }, { bytesPerSecond: 6_000_000 });
    const runs = await Promise.all([
      stack.docker('pull', name('demo/shared:1')),
      stack.docker('pull', name('demo/shared:1')),
      stack.docker('pull', name('other/name:1')),
    ]);
    expect(runs.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
    expect(upstream.requested('blob')).toHaveLength(3);
  });

  it('goes on after cut connections, and restarts after wrong bytes', async () => {
    const image = await buildImage({ layers: [filled(2_000_000, 'cut')] });
    upstream.putImage('demo/cut', image, '1');
    upstream.faults.add({ on: 'blob', reference: digestOf(image), times: 2 }, { cutAfterBytes: 700_000 });
    const cut = await stack.docker.ok('pull', name('demo/cut:1'));
    expect(cut).toContain(`${short(image, 0)}: Retrying in`);
    const ranges = upstream.requests
      .filter(({ reference }) => reference === digestOf(image))
      .map(({ headers }) => headers.range);
    expect(ranges).toEqual(
      [undefined, 'bytes=700000-', 'bytes=1400000-'].map((range) => range && expect.stringMatching(/^bytes=\d+-/)),
    );

    const wrong = await buildImage({ layers: [filled(300_000, 'wrong')] });
    upstream.putImage('demo/wrong', wrong, '1', '2');
    upstream.faults.add({ on: 'blob', reference: digestOf(wrong), times: 1 }, { wrongBytes: true });
    await stack.docker.ok('pull', name('demo/wrong:1'));
  }, 30_000);

  it('fails when the bytes stay wrong or are not there', async () => {
    const [wrong, gone] = [
      await buildImage({ layers: [filled(3_000, 'always wrong')] }),
      await buildImage({ layers: [filled(3_000, 'gone')] }),
    ];
    upstream.putImage('demo/always', wrong, '1');
    upstream.faults.add({ on: 'blob', reference: digestOf(wrong) }, { wrongBytes: true });
    const failed = await stack.docker('pull', name('demo/always:1'));
    expect(failed.stderr.trim()).toBe(`filesystem layer verification failed for digest ${digestOf(wrong)}`);
    upstream.putImage('demo/gone', gone, '1');
    upstream.deleteBlob('demo/gone', digestOf(gone));
    expect((await stack.docker('pull', name('demo/gone:1'))).stderr.trim()).toBe('unknown blob');
    expect(await stack.docker.ok('images', '-q', name('demo/gone'))).toBe('');
  }, 30_000);

  it('waits for a registry that is limited, and says so', async () => {
    const image = await buildImage({ layers: [filled(3_000, 'limited')] });
    upstream.putImage('demo/limited', image, '1');
    upstream.faults.add({ on: 'manifest', times: 1 }, { status: 429, headers: { 'retry-after': '1' } });
    upstream.faults.add(
      { on: 'blob', reference: digestOf(image), times: 1 },
      { status: 503, headers: { 'retry-after': '1' } },
    );
    const output = await stack.docker.ok('pull', name('demo/limited:1'));
    expect(output).toMatch(new RegExp(`^429 from ${upstream.host}, waiting until `, 'm'));
    expect(output).toContain(`503 from ${upstream.host}`);
    // Another registry: nobody asks this one again until then.
    const limited = await startUpstream();
    limited.putImage('demo/limited', image, '1');
    limited.faults.add({ on: 'manifest' }, { status: 429, headers: { 'retry-after': '600' } });
    const refused = await stack.docker('pull', `${limited.host}/demo/limited:1`);
    await limited.close();
    expect(refused).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('Error response from daemon: toomanyrequests'),
    });
  }, 30_000);

  it('lets go of the registry when the last client leaves', async () => {
    const image = await buildImage({ layers: [filled(resumableBytes, 'left')] });
    upstream.putImage('demo/left', image, '1');
    upstream.faults.add({ on: 'blob', reference: digestOf(image) }, { bytesPerSecond: resumableBytes / 8 });
    const clients = [stack.docker.start('pull', name('demo/left:1')), stack.docker.start('pull', name('demo/left:1'))];
    const state = async () => {
      const [pull] = await stack.database.prisma.$queryRaw<{ state: string; watchers: number }[]>`
        select state, (select count(*)::int from pull_watcher w where w.pull_id = pull.id) as watchers
          from pull where reference = ${name('demo/left:1')}`;
      return pull;
    };
    await until('the transfer runs for both', async () => {
      const pull = await state();
      return (
        pull?.state === 'fetching' && pull.watchers === 2 && (await bytesDone(digestOf(image))) > resumableBytes / 2
      );
    });
    clients[0]?.kill('SIGINT');
    await until('one is left', async () => (await state())?.watchers === 1);
    expect((await state())?.state).toBe('fetching');
    clients[1]?.kill('SIGINT');
    await until('the pull is cancelled', async () => (await state())?.state === 'cancelled', 3_000);
    await until(
      'nobody fetches',
      async () => {
        const rows = await stack.database.prisma.$queryRaw<unknown[]>`select from blob_fetch where state = 'running'`;
        return rows.length === 0;
      },
      3_000,
    );
    upstream.faults.clear();
    upstream.requests.length = 0;
    await stack.docker.ok('pull', name('demo/left:1'));
    const [again] = upstream.requests.filter(({ reference }) => reference === digestOf(image));
    expect(again?.headers.range).toMatch(/^bytes=[1-9]/);
  }, 30_000);

  it('survives the death of the puller that fetches', async () => {
    const image = await buildImage({ layers: [filled(resumableBytes, 'killed')] });
    upstream.putImage('demo/killed', image, '1');
    upstream.faults.add({ on: 'blob', reference: digestOf(image), times: 1 }, { bytesPerSecond: resumableBytes / 8 });
    const pulling = stack.docker('pull', name('demo/killed:1'));
    let reportedBytes = 0;
    await until('it is under way', async () => {
      reportedBytes = await bytesDone(digestOf(image));
      return reportedBytes > resumableBytes / 2;
    });
    // Both, since nothing tells which one it is; new ones have to find out what there is to do.
    await Promise.all(stack.services.filter((it) => it.name.startsWith('puller')).map((it) => it.kill()));
    await stack.start('puller');
    await stack.start('puller');
    expect(await pulling).toMatchObject({ exitCode: 0 });
    const ranges = upstream.requests
      .filter(({ reference }) => reference === digestOf(image))
      .map(({ headers }) => headers.range);
    expect(ranges).toEqual([undefined, expect.stringMatching(/^bytes=\d+-/)]);
    const fromByte = Number(/\d+/.exec(ranges[1] ?? '')?.[0]);
    expect(fromByte).toBeGreaterThan(0);
    expect(reportedBytes - fromByte).toBeLessThanOrEqual(windowBytes);
  }, 120_000);
});
