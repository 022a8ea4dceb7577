import { createReadStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { type ClientRequest, request } from 'node:http';
import { join } from 'node:path';
import { buildImage, buildTar, describeWith, deterministicBytes } from '@entrepot/testing';
import { type Stack, startStack } from './stack.js';

describeWith('docker', 'containers that several change, and archivers that die', () => {
  let stack: Stack;
  const path = (name: string): string => join(stack.folder, name);

  beforeAll(async () => {
    stack = await startStack({ pullers: 0, archivers: 2 });
    const image = await buildImage({ layers: [[{ name: 'etc/' }, { name: 'etc/passwd', content: 'root' }]] });
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
    await stack.docker.ok('load', '-i', path('base.tar'));
    await stack.docker.ok('create', '--name', 'c1', 'base:1', 'x');
  }, 240_000);

  afterAll(() => stack?.stop());

  function halfCopy(): { copy: ClientRequest; ended: Promise<number> } {
    const copy = request(`${stack.url}/containers/c1/archive?path=/etc`, { method: 'PUT' });
    const ended = new Promise<number>((resolve) => {
      copy.once('response', (answer) => resolve(answer.statusCode ?? 0)).on('error', () => resolve(0));
    });
    createReadStream(path('half.tar')).pipe(copy, { end: false });
    return { copy, ended };
  }

  const diff = async (): Promise<string[]> => (await stack.docker.ok('diff', 'c1')).trim().split('\n');

  it('keeps every change of clients that copy at once', async () => {
    const names = Array.from({ length: 8 }, (_, index) => `d${index}`);
    for (const name of names) {
      await mkdir(path(name));
      for (const file of ['a', 'b']) await writeFile(path(`${name}/${file}`), deterministicBytes(20_000, name + file));
    }
    await Promise.all(names.map((name) => stack.docker.ok('cp', path(name), 'c1:/etc')));
    const expected = names.flatMap((name) => ['', '/a', '/b'].map((file) => `A /etc/${name}${file}`));
    expect(await diff()).toEqual(['C /etc', ...expected]);
    const [container] = await stack.database.prisma.$queryRaw<{ version: number }[]>`
      select version::int as version from container where name = 'c1'`;
    expect(container?.version).toBeGreaterThanOrEqual(8);
  });

  it('leaves a container as it was when the archiver dies in the middle of a copy', async () => {
    const before = await diff();
    const header = (
      await buildTar([
        { name: 'first', content: 'first' },
        { name: 'big', content: deterministicBytes(2_000_000, 'big') },
      ])
    ).subarray(0, 1_000_000);
    await writeFile(path('half.tar'), header);
    // Bodies that never end, one for each archiver in turn.
    const copies = [halfCopy(), halfCopy()];
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await stack.services.find(({ name }) => name.startsWith('archiver'))?.kill();
    expect(await Promise.race(copies.map(({ ended }) => ended))).not.toBe(200);
    for (const { copy } of copies) copy.destroy();
    expect(await diff()).toEqual(before);
  });

  it('stores no content of the image again, and of an own file about as much as it has', async () => {
    const stored = async (): Promise<number> => {
      const [row] = await stack.database.prisma.$queryRaw<{ bytes: number }[]>`
        select sum(b.size_bytes)::float8 as bytes from blob b
         where exists (select from manifest_blob m where m.blob_digest = b.digest)`;
      return row?.bytes ?? 0;
    };
    await stack.docker.ok('create', '--name', 'small', 'base:1', 'x');
    await writeFile(path('kilobyte'), deterministicBytes(1_000, 'kilobyte'));
    await stack.docker.ok('cp', path('kilobyte'), 'small:/etc/kilobyte');
    const before = await stored();
    await stack.docker.ok('commit', 'small', 'small:1');
    expect((await stored()) - before).toBeLessThan(3_000);
  });
});
