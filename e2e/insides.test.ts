// What is in images, asked of catalog and answered by an archiver: good questions, bad ones, and clients that leave.

import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { buildImage, buildTar, describeWith, deterministicBytes, type LayerEntry } from '@entrepot/testing';
import { type Stack, startStack } from './stack.js';

const big = deterministicBytes(40_000_000, 'big');
const base: LayerEntry[] = [
  { name: 'etc/', type: 'directory' },
  { name: 'etc/passwd', content: 'root:x\n', mode: 0o640 },
  { name: 'etc/shadow', content: 'secret' },
  { name: 'loop', type: 'symlink', linkname: 'loop' },
  { name: 'up', type: 'symlink', linkname: '../../../etc/passwd' },
];
const upper: LayerEntry[] = [{ name: 'etc/.wh.shadow' }, { name: 'opt/big', content: big }];

describeWith('docker', 'what is in images', () => {
  let stack: Stack;
  let server: Server;
  let address: string;

  beforeAll(async () => {
    stack = await startStack({ pullers: 0, archivers: 2, environment: { ENTREPOT_LOAD_PRIVATE: '1' } });
    await load('one:1', [base, upper]);
    await load('two:1', [base]);
    const tar = gzipSync(await buildTar([{ name: 'imported', content: 'from afar' }]));
    server = createServer((request, response) => {
      if (request.url === '/moved') response.writeHead(302, { location: '/image.tar.gz' }).end();
      else if (request.url === '/image.tar.gz') response.end(tar);
      else if (request.url === '/cut') response.writeHead(200, { 'content-length': 1e6 }).end(tar);
      else if (request.url === '/junk') response.end(deterministicBytes(5000, 'junk'));
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }, 120_000);

  afterAll(async () => {
    expect(await stack.violations()).toEqual([]);
    server.closeAllConnections();
    await Promise.all([stack.stop(), new Promise((resolve) => server.close(resolve))]);
  }, 60_000);

  async function load(name: string, layers: LayerEntry[][]): Promise<void> {
    const image = await buildImage({ layers });
    const names = image.layers.map((_, at) => `${at}.tar`);
    const manifest = [{ Config: 'config.json', RepoTags: [name], Layers: names }];
    const archive = await buildTar([
      { name: 'config.json', content: image.config.bytes },
      ...image.layers.map(({ tar }, at) => ({ name: names[at] as string, content: tar })),
      { name: 'manifest.json', content: JSON.stringify(manifest) },
    ]);
    await writeFile(join(stack.folder, 'image.tar'), archive);
    await stack.docker.ok('load', '-q', '-i', join(stack.folder, 'image.tar'));
  }

  const get = (path: string, signal?: AbortSignal): Promise<Response> =>
    fetch(`${stack.url}/api/v1${path}`, signal ? { signal } : {});
  const json = async (path: string) => (await get(path)).json() as Promise<Record<string, unknown>>;

  it('is listed, read, compared and counted', async () => {
    expect(await json('/images/one:1/layers')).toMatchObject({
      layers: [
        { sharedBy: 1, sharedByNames: ['two:1'] },
        { sharedBy: 0, changes: { added: 2, deleted: 1 } },
      ],
    });
    expect(await json('/images/one:1/tree?path=/etc')).toMatchObject({ items: [{ path: 'etc/passwd', layer: 0 }] });
    expect(await json('/images/one:1/tree?path=/etc&layer=0&limit=1')).toMatchObject({ nextCursor: 'passwd' });
    expect(await json('/images/one:1/stat?path=/up')).toMatchObject({ type: 'symlink' });
    expect(await (await get('/images/one:1/cat?path=/up')).text()).toBe('root:x\n');
    expect(Buffer.from(await (await get('/images/one:1/cat?path=opt/big')).arrayBuffer()).equals(big)).toBe(true);
    expect(await json('/images/two:1/compare?to=one:1')).toMatchObject({ added: 2, changed: 0, deleted: 1 });
    expect(await json('/images/one:1/waste?maxWaste=0')).toMatchObject({ passes: false, wastedBytes: 6 });
  });

  it('is found, once all layers are listed', async () => {
    for (let tries = 0; (await json('/find?path=/opt/big')).complete !== true; tries++) {
      if (tries === 100) throw new Error('the layers were not listed');
      await sleep(200);
    }
    const tags = async (query: string) => ((await json(`/find?${query}`)).items as { tags: string[] }[]).flat();
    expect(await tags('path=/opt/big')).toMatchObject([{ tags: ['one:1'] }]);
    expect(await tags('path=/etc/shadow')).toMatchObject([{ tags: ['two:1'] }]);
    expect(await tags('glob=passw*')).toHaveLength(2);
  });

  it.each([
    ['/images/none:1/layers', 404, 'IMAGE_NOT_FOUND'],
    ['/images/Bad:X:Y/tree', 400, 'INVALID_REFERENCE'],
    ['/images/one:1/tree?platform=linux/s390x', 404, 'PLATFORM_NOT_FOUND'],
    ['/images/one:1/tree?platform=a/b/c/d', 400, 'INVALID_REQUEST'],
    ['/images/one:1/tree?layer=2', 404, 'LAYER_NOT_FOUND'],
    ['/images/one:1/tree?layer=-1', 400, 'INVALID_REQUEST'],
    ['/images/one:1/cat?layer=x&path=/etc/passwd', 400, 'INVALID_REQUEST'],
    ['/images/one:1/tree?path=/etc/passwd', 400, 'NOT_A_DIRECTORY'],
    ['/images/one:1/tree?limit=0', 400, 'INVALID_REQUEST'],
    ['/images/one:1/cat?path=/etc/shadow', 404, 'PATH_NOT_FOUND'],
    ['/images/one:1/cat?path=/etc', 400, 'NOT_A_FILE'],
    ['/images/one:1/cat?path=/loop', 400, 'SYMLINK_LOOP'],
    ['/images/one:1/cat?path=../../../../../../etc/hostname', 404, 'PATH_NOT_FOUND'],
    ['/images/one:1/cat?path=%00', 400, 'INVALID_REQUEST'],
    ['/images/one:1/download?path=/nowhere', 404, 'PATH_NOT_FOUND'],
    ['/images/one:1/stat?path=/etc/passwd/x', 404, 'PATH_NOT_FOUND'],
    ['/images/one:1/compare', 400, 'INVALID_REQUEST'],
    ['/images/one:1/compare?to=none:1', 404, 'IMAGE_NOT_FOUND'],
    ['/images/one:1/waste?maxWaste=much', 400, 'INVALID_REQUEST'],
    ['/economics?by=colour', 400, 'INVALID_REQUEST'],
    ['/find', 400, 'INVALID_REQUEST'],
    ['/find?glob=[z-a]', 400, 'INVALID_PATTERN'],
    ['/find?layer=latest', 400, 'INVALID_REQUEST'],
    ['/find?base=none:1', 404, 'IMAGE_NOT_FOUND'],
    ['/find?package=deb:x%3E%3E1', 400, 'INVALID_PACKAGE_RANGE'],
    ['/find?path=/x&cursor=junk', 400, 'INVALID_REQUEST'],
  ])('is not told to %s', async (path, status, code) => {
    const answer = await get(path);
    expect({ status: answer.status, ...((await answer.json()) as object) }).toMatchObject({ status, code });
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
  });

  it('goes on being told when clients leave in the middle', async () => {
    for (const question of ['cat?path=/opt/big', 'download?path=/', 'cat?path=/opt/big']) {
      const leaving = new AbortController();
      const answer = await get(`/images/one:1/${question}`, leaving.signal);
      await answer.body?.getReader().read();
      leaving.abort();
    }
    expect(await (await get('/images/one:1/cat?path=/etc/passwd')).text()).toBe('root:x\n');
    expect(await json('/images/one:1/waste')).toMatchObject({ wastedBytes: 6 });
  });

  it('imports what is at an address, over a redirect, and says what is wrong with it', async () => {
    const id = (await stack.docker.ok('import', `${address}/moved`, 'afar:1')).trim().split('\n').at(-1);
    expect((await stack.docker.ok('inspect', '-f', '{{.Id}} {{.Comment}}', 'afar:1')).trim()).toBe(
      `${id} Imported from ${address}/moved`,
    );
    expect(await (await get('/images/afar:1/cat?path=/imported')).text()).toBe('from afar');
    for (const [path, reason] of [
      ['/none', 'the server answered 404'],
      ['/junk', 'archive/tar: invalid tar header'],
      ['/cut', 'it broke off'],
    ]) {
      const { exitCode, stderr } = await stack.docker('import', `${address}${path}`, 'bad:1');
      expect({ path, exitCode, stderr }).toEqual({
        path,
        exitCode: 1,
        stderr: expect.stringContaining(reason as string),
      });
    }
    expect((await stack.docker('inspect', 'bad:1')).exitCode).toBe(1);
  });
});
