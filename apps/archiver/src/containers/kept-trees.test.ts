import { MergedTree, WritableTree } from '@entrepot/layers';
import { KeptTrees, type ShownTree } from './kept-trees.js';

const attributes = { mode: 0o644, uid: 0, gid: 0, mtimeMs: 0, linkTarget: null, device: null, xattrs: {} };

/** With so many bytes of changes. */
function shown(sizeBytes: number): ShownTree {
  const below = new MergedTree();
  const tree = new WritableTree(below);
  const content = { kind: 'inline' as const, bytes: Buffer.alloc(sizeBytes) };
  tree.put('file', { ...attributes, type: 'file', sizeBytes, content }, 0);
  return { layers: [], below, tree };
}

describe('trees of containers that were open', () => {
  it('are given again as long as the container is as it was', () => {
    const kept = new KeptTrees();
    const first = shown(1);
    kept.keep({ id: 'a', version: 3 }, first);
    expect(kept.get({ id: 'a', version: 3 })).toBe(first);
    expect(kept.get({ id: 'a', version: 4 })).toBeNull();
    expect(kept.get({ id: 'b', version: 3 })).toBeNull();
    const second = shown(2);
    kept.keep({ id: 'a', version: 4 }, second);
    expect(kept.get({ id: 'a', version: 4 })).toBe(second);
    expect(kept.get({ id: 'a', version: 3 })).toBeNull();
  });

  it('go when there are many, the one used longest ago first', () => {
    const kept = new KeptTrees();
    for (let at = 0; at < 16; at++) kept.keep({ id: `c${at}`, version: 1 }, shown(1));
    expect(kept.get({ id: 'c0', version: 1 })).not.toBeNull();
    kept.keep({ id: 'new', version: 1 }, shown(1));
    expect(kept.get({ id: 'c1', version: 1 })).toBeNull();
    expect(kept.get({ id: 'c0', version: 1 })).not.toBeNull();
  });

  it('go when what is below them is large', async () => {
    const kept = new KeptTrees();
    const long = { ...attributes, type: 'symlink' as const, sizeBytes: 0, linkTarget: 'x'.repeat(21_000_000) };
    const below = () =>
      MergedTree.of([[{ ...long, path: 'l', offsetBytes: 0, storedBytes: 0, sha256: null, sparse: null }]]);
    const [one, other] = [await below(), await below()];
    for (const id of ['a', 'b']) kept.keep({ id, version: 1 }, { ...shown(1), below: one });
    expect(kept.get({ id: 'a', version: 1 })).not.toBeNull();
    kept.keep({ id: 'c', version: 1 }, { ...shown(1), below: other });
    expect(kept.get({ id: 'b', version: 1 })).toBeNull();
    expect(kept.get({ id: 'c', version: 1 })).not.toBeNull();
  });

  it('go when they are large', () => {
    const kept = new KeptTrees();
    kept.keep({ id: 'small', version: 1 }, shown(1));
    kept.keep({ id: 'large', version: 1 }, shown(41_000_000));
    expect(kept.get({ id: 'small', version: 1 })).toBeNull();
    expect(kept.get({ id: 'large', version: 1 })).toBeNull();
  });
});
