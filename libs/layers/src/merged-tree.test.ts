import type { IndexEntry } from './index-entry.js';
import { MergedTree } from './merged-tree.js';

const base: IndexEntry = {
  path: '',
  type: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  sizeBytes: 0,
  mtimeMs: 0,
  linkTarget: null,
  device: null,
  xattrs: {},
  offsetBytes: 0,
  storedBytes: 0,
  sha256: null,
  sparse: null,
};

const file = (path: string, sizeBytes = 1): IndexEntry => ({ ...base, path, sizeBytes });
const dir = (path: string, mode = 0o755): IndexEntry => ({ ...base, path, mode, type: 'directory' });
const symlink = (path: string, linkTarget: string): IndexEntry => ({ ...base, path, linkTarget, type: 'symlink' });
const link = (path: string, linkTarget: string): IndexEntry => ({ ...base, path, linkTarget, type: 'link' });
const whiteout = (path: string): IndexEntry => ({ ...base, path, type: 'whiteout' });
const opaque = (path: string): IndexEntry => ({ ...base, path, type: 'opaque' });

/** Every name with the layer that it is from. */
async function show(...layers: IndexEntry[][]): Promise<string[]> {
  const tree = await MergedTree.of(layers);
  return [...tree.walk()]
    .slice(1)
    .map(({ path, entry, layer }) => `${path}${entry.type === 'directory' ? '/' : ''} ${layer}`);
}

describe('the merged tree', () => {
  it.each<[string, IndexEntry[][], string[]]>([
    ['the upper of two files', [[file('a'), file('b')], [file('a')]], ['a 1', 'b 0']],
    [
      'directories merged',
      [
        [dir('d'), file('d/a')],
        [dir('d'), file('d/b')],
      ],
      ['d/ 1', 'd/a 0', 'd/b 1'],
    ],
    ['a directory that no entry describes', [[file('d/e/f')]], ['d/ -1', 'd/e/ -1', 'd/e/f 0']],
    ['no file below a whiteout', [[file('a'), file('b')], [whiteout('a')]], ['b 0']],
    ['no directory below a whiteout', [[dir('d'), file('d/a')], [whiteout('d')]], []],
    ['what comes again above a whiteout', [[file('a')], [whiteout('a')], [file('a')]], ['a 2']],
    ['an entry beside its whiteout, before', [[file('a')], [file('a'), whiteout('a')]], ['a 1']],
    ['an entry beside its whiteout, after', [[file('a')], [whiteout('a'), file('a')]], ['a 1']],
    ['a new directory beside its whiteout', [[file('d/a')], [dir('d'), file('d/b'), whiteout('d')]], ['d/ 1', 'd/b 1']],
    ['nothing of a whiteout of nothing', [[file('a')], [whiteout('b')]], ['a 0']],
    ['only new content in an opaque directory', [[file('d/a')], [file('d/b'), opaque('d')]], ['d/ -1', 'd/b 1']],
    ['opaque first as opaque last', [[file('d/a')], [opaque('d'), file('d/b')]], ['d/ -1', 'd/b 1']],
    [
      'an opaque root',
      [
        [file('a'), dir('d')],
        [opaque(''), file('b')],
      ],
      ['b 1'],
    ],
    [
      'deep content through an opaque directory',
      [[file('d/x/a')], [opaque('d'), file('d/x/b')]],
      ['d/ -1', 'd/x/ -1', 'd/x/b 1'],
    ],
    ['a file that replaces a directory', [[dir('d'), file('d/a')], [file('d')]], ['d 1']],
    ['a directory that replaces a file', [[file('d')], [dir('d'), file('d/a')]], ['d/ 1', 'd/a 1']],
    ['a name below a file of a lower layer', [[file('d')], [file('d/a')]], ['d/ -1', 'd/a 1']],
    [
      'a name below a symlink of a lower layer',
      [[dir('e'), symlink('d', 'e')], [file('d/a')]],
      ['d/ -1', 'd/a 1', 'e/ 0'],
    ],
    ['a name below a symlink of its own layer', [[dir('e'), symlink('d', 'e'), file('d/a')]], ['d 0', 'e/ 0', 'e/a 0']],
    ['a name below a symlink in circles', [[symlink('d', 'd'), file('d/a')]], ['d/ -1', 'd/a 0']],
    ['the last of two entries of one name', [[file('a'), dir('a'), file('a/b'), file('a')]], ['a 0']],
  ])('shows %s', async (_, layers, expected) => {
    expect(await show(...layers)).toEqual(expected);
  });

  it('makes names of one file out of hard links, in a layer and across layers', async () => {
    const tree = await MergedTree.of([
      [file('a', 7), link('b', 'a')],
      [link('c', 'b'), file('a', 9)],
      [whiteout('b'), link('e', 'nowhere')],
    ]);
    const [a, c, e] = ['a', 'c', 'e'].map((path) => tree.find(path));
    expect([a?.entry.sizeBytes, a?.layer]).toEqual([9, 1]);
    expect([c?.entry.sizeBytes, c?.entry.path, c?.layer]).toEqual([7, 'a', 0]);
    expect(e?.entry.type).toBe('link');
    const circle = await MergedTree.of([[symlink('loop', 'loop'), link('f', 'loop/x'), file('g')]]);
    expect([...circle.walk()].map(({ path }) => path)).toEqual(['', 'f', 'g', 'loop']);
    const twins = await MergedTree.of([[file('a'), link('b', 'a')]]);
    expect(twins.find('a')?.inode).toBe(twins.find('b')?.inode);
  });

  it('follows symlinks, and never out of the root', async () => {
    const tree = await MergedTree.of([
      [
        file('usr/lib/x'),
        symlink('lib', 'usr/lib'),
        symlink('up', '../../..'),
        symlink('usr/abs', '/lib/x'),
        symlink('loop', 'loop/loop'),
        symlink('gone', '/no/such'),
      ],
    ]);
    expect(tree.resolve('lib/x')).toBe('usr/lib/x');
    expect(tree.resolve('/up/up/lib/../lib/x')).toBe('usr/lib/x');
    expect(tree.resolve('usr/abs')).toBe('usr/lib/x');
    expect(tree.resolve('usr/abs', { keepLast: true })).toBe('usr/abs');
    expect(tree.resolve('gone/deeper')).toBe('no/such/deeper');
    expect(() => tree.resolve('loop')).toThrow('loop: too many levels of symbolic links');
  });

  it('lists a directory and nothing else', async () => {
    const tree = await MergedTree.of([[file('d/b'), file('d/a/x'), file('e')]]);
    expect(tree.list('d')?.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(tree.list('')?.map(({ path }) => path)).toEqual(['d', 'e']);
    expect(tree.list('e')).toBeNull();
    expect(tree.list('none')).toBeNull();
    expect(tree.find('d/none')).toBeNull();
    expect([...tree.walk('d')].map(({ path }) => path)).toEqual(['d', 'd/a', 'd/a/x', 'd/b']);
  });

  it('counts what a layer does', async () => {
    const tree = await MergedTree.of([[dir('d'), file('d/a', 10), file('d/b', 20), file('c', 5)]]);
    const changes = await tree.add([dir('d'), file('d/a', 11), whiteout('d/b'), file('n', 3)]);
    expect(changes).toEqual({
      entries: 4,
      added: 1,
      changed: 1,
      deleted: 1,
      addedBytes: 14,
      changedBytes: 10,
      deletedBytes: 20,
    });
    expect(await tree.add([dir('d', 0o700), opaque('d')])).toMatchObject({ changed: 1, deleted: 1, deletedBytes: 11 });
    expect(tree.layerCount).toBe(3);
  });

  it('stands a path of any depth', async () => {
    const deep = Array.from({ length: 20_000 }, () => 'd').join('/');
    const tree = await MergedTree.of([[file(`${deep}/f`)], [opaque('d')]]);
    expect([...tree.walk()]).toHaveLength(2);
  });
});
