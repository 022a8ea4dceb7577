import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { buildImage, buildTar, deterministicBytes } from '@entrepot/testing';
import { describeStories, type Stack, startStack } from './stack.js';

describeStories('docker save and docker load', (profile) => {
  let stack: Stack;

  beforeAll(async () => {
    stack = await startStack({ profile, pullers: 0 });
  }, 120_000);
  afterAll(async () => {
    const violations = (await stack?.violations()) ?? [];
    await stack?.stop();
    expect(violations).toEqual([]);
  });

  const file = (name: string): string => join(stack.folder, name);
  const sha256 = async (name: string): Promise<string> =>
    createHash('sha256')
      .update(await readFile(file(name)))
      .digest('hex');

  /** As docker 20.10 saves it. */
  async function writeLegacyArchive(name: string, tags: string[], seed: string, bytes = 400_000): Promise<void> {
    const image = await buildImage({
      layers: [[{ name: 'big', content: deterministicBytes(bytes, seed) }], [{ name: 'top', content: seed }]],
    });
    const layers = image.layers.map((_, i) => `${i}/layer.tar`);
    const archive = await buildTar([
      { name: 'config.json', content: image.config.bytes },
      ...image.layers.map((layer, i) => ({ name: layers[i] as string, content: layer.tar })),
      { name: 'manifest.json', content: JSON.stringify([{ Config: 'config.json', RepoTags: tags, Layers: layers }]) },
    ]);
    await writeFile(file(name), archive);
  }

  it('loads what an old docker saved, plain or compressed', async () => {
    await writeLegacyArchive('old.tar', ['old/app:1', 'old/app:2'], 'old');
    await writeFile(file('old.tar.gz'), gzipSync(await readFile(file('old.tar'))));
    for (const name of ['old.tar', 'old.tar.gz']) {
      expect(await stack.docker.ok('load', '-i', file(name))).toBe(
        'Loaded image: old/app:1\nLoaded image: old/app:2\n',
      );
    }
    expect((await stack.docker.ok('images', '-q', 'old/app')).trim().split('\n')).toHaveLength(2);
  });

  it('saves the same bytes every time, and loads them back after everything was removed', async () => {
    const id = (await stack.docker.ok('images', '-q', '--no-trunc', 'old/app:1')).trim();
    for (const name of ['first.tar', 'second.tar']) await stack.docker.ok('save', '-o', file(name), 'old/app');
    expect(await sha256('first.tar')).toBe(await sha256('second.tar'));
    await stack.docker.ok('rmi', '-f', id);
    expect(await stack.docker.ok('images', '-aq')).toBe('');
    expect(await stack.docker.ok('load', '-i', file('first.tar'))).toBe(
      'Loaded image: old/app:1\nLoaded image: old/app:2\n',
    );
    expect((await stack.docker.ok('images', '-q', '--no-trunc', 'old/app:1')).trim()).toBe(id);
  });

  it('says what it does not have before it writes a file', async () => {
    const { exitCode, stderr } = await stack.docker('save', '-o', file('none.tar'), 'old/app:1', 'nope:1');
    expect([exitCode, stderr.trim()]).toEqual([1, 'Error response from daemon: reference does not exist']);
  });

  it('changes nothing when an archive is cut or is none', async () => {
    // Without SIZE, which changes when a layer was looked into.
    const list = () => stack.docker.ok('images', '-a', '--format', '{{.ID}} {{.Repository}}:{{.Tag}} {{.Digest}}');
    const before = await list();
    await writeLegacyArchive('new.tar', ['new/app:1'], 'new');
    await writeFile(file('cut.tar'), (await readFile(file('new.tar'))).subarray(0, 300_000));
    await writeFile(file('junk.tar'), deterministicBytes(5_000));
    for (const name of ['cut.tar', 'junk.tar']) {
      const { exitCode, stderr } = await stack.docker('load', '-i', file(name));
      expect([exitCode, stderr.length > 0]).toEqual([1, true]);
    }
    expect(await list()).toBe(before);
  });

  it('looks into loaded layers soon, and knows them by what is inside from then on', async () => {
    const { prisma } = stack.database;
    const left = async () => {
      const [row] = await prisma.$queryRaw<{ left: number }[]>`
        select count(distinct b.digest)::int as left from blob b join manifest_blob m on m.blob_digest = b.digest
         where m.position > 0 and b.analysed_at is null`;
      return row?.left ?? 0;
    };
    for (let i = 0; i < 100 && (await left()) > 0; i++) await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await left()).toBe(0);
    expect(await stack.docker.ok('images', '--format', '{{.Size}}', 'old/app:1')).toBe('400kB\n');
  }, 20_000);

  it('survives the death of the archiver that reads an archive', async () => {
    await writeLegacyArchive('slow.tar', ['slow/app:1'], 'slow', 60_000_000);
    const [, first] = stack.services.filter(({ name }) => name.startsWith('archiver'));
    const loading = Promise.all([0, 1].map(() => stack.docker('load', '-i', file('slow.tar'))));
    await new Promise((resolve) => setTimeout(resolve, 60));
    await first?.kill();
    await loading;
    expect(await stack.docker.ok('load', '-i', file('slow.tar'))).toBe('Loaded image: slow/app:1\n');
  }, 30_000);
});
