import type { IndexEntry } from './index-entry.js';
import { MergedTree } from './merged-tree.js';
import { type NewFile, WritableTree } from './writable-tree.js';

const plain = {
  ...{ mode: 0o644, uid: 0, gid: 0, sizeBytes: 0, mtimeMs: 1000, linkTarget: null, device: null, xattrs: {} },
  ...{ offsetBytes: 0, storedBytes: 0, sha256: null, sparse: null },
};
const below = (path: string, type: IndexEntry['type'] = 'file', more: Partial<IndexEntry> = {}): IndexEntry => ({
  ...{ ...plain, path, type },
  ...more,
});
const attributes = { mode: 0o640, uid: 5, gid: 6, mtimeMs: 2000, linkTarget: null, device: null, xattrs: {} };
const file = (text: string): NewFile => ({
  ...{ ...attributes, type: 'file', sizeBytes: text.length },
  content: { kind: 'inline', bytes: Buffer.from(text) },
});
const directory: NewFile = { ...attributes, type: 'directory', sizeBytes: 0, content: null };
const now = 9000;

describe('a writable layer on a tree', () => {
  let base: MergedTree;
  let tree: WritableTree;

  beforeEach(async () => {
    base = await MergedTree.of([
      [
        below('etc', 'directory', { mode: 0o750 }),
        below('etc/passwd', 'file', { sizeBytes: 7 }),
        below('etc/ssl', 'directory'),
        below('etc/ssl/cert', 'file'),
        below('etc/ssl/key', 'file'),
        below('bin', 'directory'),
        below('bin/busybox', 'file', { sizeBytes: 100 }),
        below('bin/sh', 'link', { linkTarget: 'bin/busybox' }),
        below('lib', 'symlink', { linkTarget: 'usr/lib' }),
        below('usr/lib', 'directory'),
      ],
    ]);
    tree = new WritableTree(base);
  });

  const diff = () => [...tree.changes()].map(({ path, kind }) => `${kind[0]?.toUpperCase()} ${path}`);
  const names = (dir: string) => tree.list(dir)?.map(({ name }) => name);

  it('shows what is below until it is changed, and never changes it', () => {
    expect(tree.find('etc/passwd')).toMatchObject({ type: 'file', sizeBytes: 7, name: 'passwd' });
    expect(diff()).toEqual([]);
    tree.put('etc/passwd', file('new'), now);
    tree.put('etc/added', file('x'), now);
    expect(tree.find('etc/passwd')).toMatchObject({ sizeBytes: 3, uid: 5 });
    expect(names('etc')).toEqual(['added', 'passwd', 'ssl']);
    expect(base.find('etc/passwd')?.entry.sizeBytes).toBe(7);
    expect(base.find('etc/added')).toBeNull();
  });

  it('copies the directories above a change up, with their attributes and a new time for the nearest', () => {
    tree.put('etc/ssl/new', file('x'), now);
    expect(diff()).toEqual(['C etc', 'C etc/ssl', 'A etc/ssl/new']);
    expect(tree.find('etc')).toMatchObject({ mode: 0o750, mtimeMs: 1000 });
    expect(tree.find('etc/ssl')).toMatchObject({ mtimeMs: now });
  });

  it('leaves a whiteout for what is below, and nothing for what is its own', () => {
    tree.put('etc/own', file('x'), now);
    tree.remove('etc/own', now);
    tree.remove('etc/ssl', now);
    expect(names('etc')).toEqual(['passwd']);
    expect(tree.find('etc/ssl/cert')).toBeNull();
    expect(diff()).toEqual(['C etc', 'D etc/ssl']);
    expect([...tree.droppedPaths()]).toEqual(['etc/own']);
  });

  it('makes a directory opaque that is removed and made again', () => {
    tree.remove('etc/ssl', now);
    tree.put('etc/ssl', directory, now);
    tree.put('etc/ssl/key', file('other'), now);
    expect(names('etc/ssl')).toEqual(['key']);
    expect([...tree.entries()].find(({ path }) => path === 'etc/ssl')).toMatchObject({ opaque: true, covers: true });
    expect(diff()).toEqual(['C etc', 'C etc/ssl', 'D etc/ssl/cert', 'C etc/ssl/key']);
    tree.remove('etc/ssl/key', now);
    expect(names('etc/ssl')).toEqual([]);
  });

  it('hides a directory by a file, and the other way round', () => {
    tree.put('etc/ssl', file('flat'), now);
    expect(tree.find('etc/ssl/cert')).toBeNull();
    expect(tree.list('etc/ssl')).toBeNull();
    tree.put('etc/passwd', directory, now);
    expect(names('etc/passwd')).toEqual([]);
    expect(diff()).toEqual(['C etc', 'C etc/passwd', 'C etc/ssl']);
  });

  it('merges a directory into one that is there', () => {
    tree.put('etc', directory, now);
    expect(names('etc')).toEqual(['passwd', 'ssl']);
    expect(tree.find('etc')).toMatchObject({ mode: 0o640, uid: 5 });
    expect([...tree.entries()]).toMatchObject([{ path: '' }, { path: 'etc', opaque: false }]);
  });

  it('brings a whole file up when it gets another name', () => {
    const target = tree.find('bin/busybox');
    if (target) tree.link('bin/ls', target, now);
    expect(diff()).toEqual(['C bin', 'C bin/busybox', 'A bin/ls']);
    expect(tree.find('bin/ls')?.inode).toBe(tree.find('bin/busybox')?.inode);
    expect(tree.find('bin/ls')?.inode).not.toBe(tree.find('bin/sh')?.inode);
    expect([...tree.entries()].find(({ path }) => path === 'bin/ls')?.content).toEqual({
      kind: 'below',
      path: 'bin/busybox',
    });
    expect(tree.sizeBytes()).toBe(100);
  });

  it('follows symlinks inside the tree, its own ones too', () => {
    tree.put('out', { ...attributes, type: 'symlink', linkTarget: '../../etc', sizeBytes: 0, content: null }, now);
    expect(tree.resolve('out/passwd')).toBe('etc/passwd');
    expect(tree.resolve('lib/x')).toBe('usr/lib/x');
    expect(tree.resolve('out', { keepLast: true })).toBe('out');
  });

  it('is the same when it is made again from its entries', () => {
    tree.put('etc/ssl/new', file('x'), now);
    tree.remove('bin/sh', now);
    const again = new WritableTree(base);
    again.load(tree.entries());
    expect([...again.walk()].map(({ path }) => path)).toEqual([...tree.walk()].map(({ path }) => path));
    expect([...again.changes()]).toEqual([...tree.changes()]);
    expect([...again.putEntries(), ...again.droppedPaths()]).toEqual([]);
  });

  it('walks as tar does: a directory, its content, then its neighbours', () => {
    for (const path of ['a-b', 'a', 'a/b', 'a.b', 'a/b/c', 'ab']) tree.put(path, directory, now);
    const paths = ['a', 'a/b', 'a/b/c', 'a-b', 'a.b', 'ab'];
    expect([...tree.entries()].map(({ path }) => path)).toEqual(['', ...paths]);
    expect(diff()).toEqual(paths.map((path) => `A ${path}`));
  });

  it('keeps every entry as it was given', () => {
    const digest = `sha256:${'0'.repeat(64)}` as const;
    const contents: NewFile['content'][] = [
      ...[null, { kind: 'inline' as const, bytes: Buffer.from([0, 255, 10]) }],
      ...[
        { kind: 'blob' as const, digest, offsetBytes: 2 ** 40 },
        { kind: 'blob' as const, digest, offsetBytes: 0 },
      ],
      ...[
        { kind: 'kept' as const, path: 'own/4' },
        { kind: 'kept' as const, path: '' },
      ],
      { kind: 'below' as const, path: 'bin/\udc80' },
    ];
    const files = contents.map(
      (content, at): NewFile => ({
        ...{ type: 'file', mode: 0o7777, uid: 2 ** 40, gid: -1 - at, sizeBytes: at, mtimeMs: at - 0.5, content },
        ...{ linkTarget: null, device: null, xattrs: { 'user.a': '\udcff' }, inode: at },
      }),
    );
    const device = { ...attributes, type: 'block-device' as const, device: { major: 8, minor: 1 }, sizeBytes: 0 };
    files.push({ ...device, content: null, inode: null });
    tree.put('own', directory, now);
    for (const [at, file] of files.entries()) tree.put(`own/${at}`, file, now);
    const own = { opaque: false, covers: false };
    const written = [...tree.entries()].filter(({ path }) => path.startsWith('own/'));
    expect(written).toEqual(files.map((file, at) => ({ ...file, ...own, path: `own/${at}` })));
  });

  it('refuses what takes more memory than it may, and names it', () => {
    const small = new WritableTree(base, { maxBytes: 20_000 });
    const fill = (): void => {
      for (let at = 0; at < 1000; at++) small.put(`bin/${at}`, file('x'), now);
    };
    expect(fill).toThrow(/^the changes of a container take more than 0 MB of memory \(at entry bin\/\d+\)$/);
  });

  it('has room for as much as it had before, however often that is written', () => {
    const small = new WritableTree(base, { maxBytes: 200_000 });
    for (let round = 0; round < 20; round++) {
      for (let at = 0; at < 1000; at++) small.put(`bin/${at}`, file('x'), now + round);
    }
    expect([...small.entries()]).toHaveLength(1002);
    const again = new WritableTree(base, { maxBytes: 10 });
    again.load(small.entries());
    expect(again.find('bin/999')).not.toBeNull();
  });

  it('walks a directory of more names than a call can have arguments', () => {
    for (let at = 0; at < 150_000; at++) tree.put(`bin/${at}`, file(''), now);
    let names = 0;
    for (const { path } of tree.walk('bin')) names += path.startsWith('bin/') ? 1 : 0;
    expect(names).toBe(150_002);
  });

  it('forgets what was removed and is there again', () => {
    tree.put('etc/own', file('x'), now);
    tree.remove('etc/own', now);
    tree.put('etc/own', file('y'), now);
    expect([...tree.droppedPaths()]).toEqual([]);
    expect([...tree.putEntries()].map(({ path }) => path).sort()).toEqual(['', 'etc', 'etc/own']);
  });
});
