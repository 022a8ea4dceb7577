import { type IndexEntry, MergedTree, WritableTree } from '@entrepot/layers';
import { StagedEntries, type StagedEntry } from './stage-archive.js';
import { type UnpackOptions, unpack } from './unpack.js';

const plain = {
  ...{ mode: 0o644, uid: 0, gid: 0, sizeBytes: 0, mtimeMs: 1000, linkTarget: null, device: null, xattrs: {} },
};
const below = (path: string, type: IndexEntry['type'] = 'file', linkTarget: string | null = null): IndexEntry => ({
  ...{ ...plain, path, type, linkTarget, offsetBytes: 0, storedBytes: 0, sha256: null, sparse: null },
});
const entry = (path: string, type: StagedEntry['type'] = 'file', more: Partial<StagedEntry> = {}): StagedEntry => ({
  ...{ ...plain, path, type, mtimeMs: 5000, opaque: false, covers: false, inode: null },
  content: type === 'file' ? { kind: 'inline', bytes: Buffer.alloc(0) } : null,
  ...more,
});

describe('unpacking into a container', () => {
  let tree: WritableTree;

  beforeEach(async () => {
    const base = await MergedTree.of([
      [
        below('app', 'directory'),
        below('app/conf', 'directory'),
        below('app/conf/a.ini'),
        below('app/run.sh'),
        below('app/out', 'symlink', '/etc'),
        below('app/up', 'symlink', '../../../..'),
        below('etc', 'directory'),
        below('etc/passwd'),
      ],
    ]);
    tree = new WritableTree(base);
  });

  const into = async (
    entries: Iterable<StagedEntry>,
    options: Partial<UnpackOptions> = {},
    dir = 'app',
  ): Promise<string[]> => {
    await unpack(tree, dir, entries, { keepKinds: false, nowMs: 9000, ...options });
    return Array.from(tree.changes(), ({ path, kind }) => `${kind[0]?.toUpperCase()} ${path}`);
  };

  it('adds, replaces and merges', async () => {
    expect(
      await into([entry('./', 'directory', { mode: 0o700 }), entry('run.sh'), entry('conf/', 'directory'), entry('n')]),
    ).toEqual(['C app', 'C app/conf', 'A app/n', 'C app/run.sh']);
    expect(tree.find('app')).toMatchObject({ mode: 0o644, mtimeMs: 9000 });
    expect(tree.find('app/conf')).toMatchObject({ mtimeMs: 5000 });
    expect(tree.find('app/conf/a.ini')).not.toBeNull();
  });

  it('makes the directories that the archive leaves out', async () => {
    expect(await into([entry('x/y/z')])).toEqual(['C app', 'A app/x', 'A app/x/y', 'A app/x/y/z']);
    expect(tree.find('app/x/y')).toMatchObject({ mode: 0o755, uid: 0 });
  });

  it.each<[string, StagedEntry, string]>([
    ['a name no Linux takes', entry(`d/${'é'.repeat(128)}/x`), 'file name too long'],
    ['a symlink to nothing', entry('l', 'symlink', { linkTarget: '' }), 'symlink  /app/l: no such file or directory'],
    ['a symlink that is too long', entry('l', 'symlink', { linkTarget: 'x/'.repeat(2_100) }), 'file name too long'],
    ['a name above the directory', entry('../x'), '"../x" is outside of "/app"'],
    ['a name that climbs in the middle', entry('a/../../x'), '"a/../../x" is outside of "/app"'],
    ['a name that is the parent', entry('..', 'directory'), '".." is outside of "/app"'],
    [
      'a symlink out of the directory',
      entry('l', 'symlink', { linkTarget: '../etc' }),
      'invalid symlink "/app/l" -> "../etc"',
    ],
    [
      'a hard link out of it',
      entry('l', 'link', { linkTarget: '../etc/passwd' }),
      'invalid hardlink "/etc/passwd" -> "../etc/passwd"',
    ],
    ['a hard link to nothing', entry('l', 'link', { linkTarget: 'none' }), 'no such file or directory'],
    ['a hard link to a directory', entry('l', 'link', { linkTarget: 'conf' }), 'operation not permitted'],
    ['a name below a file', entry('run.sh/x'), 'mkdir /app/run.sh: not a directory'],
    ['a name with a NUL', entry('a\0b'), 'invalid name'],
  ])('refuses %s', async (_, hostile, message) => {
    await expect(into([hostile])).rejects.toThrow(message);
  });

  it('keeps absolute names and symlinked parents inside', async () => {
    expect(await into([entry('/etc/abs'), entry('out/new'), entry('up/deep')])).toEqual([
      ...['C app', 'A app/etc', 'A app/etc/abs', 'A deep', 'C etc', 'A etc/new'],
    ]);
  });

  it('keeps what a symlink of the same archive leads to inside', async () => {
    await into([entry('l', 'symlink', { linkTarget: '/etc' }), entry('l/new')]);
    expect(tree.find('etc/new')).not.toBeNull();
  });

  it('makes devices and fifos, with their numbers', async () => {
    await into([entry('null', 'character-device', { device: { major: 1, minor: 3 } }), entry('pipe', 'fifo')]);
    expect(tree.find('app/null')).toMatchObject({ type: 'character-device', device: { major: 1, minor: 3 } });
    expect(tree.find('app/pipe')).toMatchObject({ type: 'fifo' });
  });

  it('refuses to change what kind a name is, when told so', async () => {
    const keepKinds = true;
    await expect(into([entry('conf')], { keepKinds })).rejects.toThrow(
      'cannot overwrite directory "conf" with non-directory "/app"',
    );
    await expect(into([entry('run.sh', 'directory')], { keepKinds })).rejects.toThrow(
      'cannot overwrite non-directory "run.sh" with directory "/app"',
    );
  });

  it('replaces a directory and its content otherwise', async () => {
    expect(await into([entry('conf'), entry('conf', 'directory'), entry('conf/b')])).toEqual([
      ...['C app', 'C app/conf', 'D app/conf/a.ini', 'A app/conf/b'],
    ]);
  });

  it('removes what whiteouts name', async () => {
    expect(await into([entry('.wh.run.sh'), entry('conf/.wh..wh..opq'), entry('.wh.none')])).toEqual([
      ...['C app', 'C app/conf', 'D app/conf/a.ini', 'D app/run.sh'],
    ]);
  });

  it('gives everything to one owner when told so', async () => {
    await into([entry('f', 'file', { uid: 1, gid: 2 }), entry('d', 'directory')], { owner: { uid: 7, gid: 8 } });
    expect(tree.find('app/f')).toMatchObject({ uid: 7, gid: 8 });
    expect(tree.find('app/d')).toMatchObject({ uid: 7, gid: 8 });
  });

  it('links names of the archive to one file', async () => {
    await into([
      entry('one'),
      entry('two', 'link', { linkTarget: 'one' }),
      entry('three', 'link', { linkTarget: '/two' }),
    ]);
    const inodes = ['one', 'two', 'three'].map((name) => tree.find(`app/${name}`)?.inode);
    expect(new Set(inodes).size).toBe(1);
  });

  it('goes where a directory leads at that moment, when names of the way change in between', async () => {
    expect(
      await into([
        ...[entry('out/one'), entry('out', 'directory'), entry('out/two')],
        ...[entry('conf/b'), entry('.wh.conf'), entry('conf/c')],
      ]),
    ).toEqual([
      ...['C app', 'C app/conf', 'D app/conf/a.ini', 'A app/conf/c', 'C app/out', 'A app/out/two'],
      ...['C etc', 'A etc/one'],
    ]);
  });

  it('reads the entries of an archive back as they were', async () => {
    const staged = new StagedEntries();
    const entries = [
      ...[entry('f', 'file', { content: { kind: 'inline', bytes: Buffer.from('text') }, xattrs: { 'user.a': 'b' } })],
      ...[entry('l', 'link', { linkTarget: 'f' }), entry('d/', 'directory'), entry('', 'fifo')],
      entry('big', 'file', { content: { kind: 'blob', digest: `sha256:${'a'.repeat(64)}`, offsetBytes: 5 } }),
    ];
    for (const one of entries) staged.add(one);
    expect([...staged]).toEqual(entries);
    expect(await into(staged)).toEqual(['C app', 'A app/big', 'A app/d', 'A app/f', 'A app/l']);
  });
});
