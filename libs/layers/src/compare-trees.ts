import type { IndexEntry } from './index-entry.js';
import type { MergedTree, TreeEntry } from './merged-tree.js';

/** A path that two trees do not have alike. */
export interface TreeDifference {
  path: string;
  kind: 'added' | 'changed' | 'deleted';
  before: TreeEntry | null;
  after: TreeEntry | null;
  /** What of a changed path differs: `content`, `type`, `mode`, `owner`, `link`, `device`, `xattrs`. */
  what: string[];
}

/** All differences by path, in the order of `walk`; times alone are none. */
export function* compareTrees(before: MergedTree, after: MergedTree): Generator<TreeDifference> {
  const left = before.walk();
  const right = after.walk();
  let a = left.next();
  let b = right.next();
  while (!a.done || !b.done) {
    const order = a.done ? 1 : b.done ? -1 : comparePaths(a.value.path, b.value.path);
    if (order < 0 && !a.done) yield { path: a.value.path, kind: 'deleted', before: a.value, after: null, what: [] };
    if (order > 0 && !b.done) yield { path: b.value.path, kind: 'added', before: null, after: b.value, what: [] };
    if (order === 0 && !a.done && !b.done) {
      const what = differences(a.value.entry, b.value.entry);
      if (what.length > 0) yield { path: a.value.path, kind: 'changed', before: a.value, after: b.value, what };
    }
    if (order <= 0) a = left.next();
    if (order >= 0) b = right.next();
  }
}

/** Part by part, as trees are walked: a directory, all that is in it, then its next sibling. */
function comparePaths(a: string, b: string): number {
  if (a === b) return 0;
  let at = 0;
  while (at < a.length && a.charCodeAt(at) === b.charCodeAt(at)) at += 1;
  return weight(a, at) - weight(b, at);
}

function weight(path: string, at: number): number {
  if (at >= path.length) return -2;
  const code = path.charCodeAt(at);
  return code === 0x2f ? -1 : code;
}

function differences(a: IndexEntry, b: IndexEntry): string[] {
  if (a.type !== b.type) return ['type'];
  const same: Record<string, boolean> = {
    content: a.sizeBytes === b.sizeBytes && a.sha256 === b.sha256,
    mode: a.mode === b.mode,
    owner: a.uid === b.uid && a.gid === b.gid,
    link: a.linkTarget === b.linkTarget,
    device: a.device?.major === b.device?.major && a.device?.minor === b.device?.minor,
    xattrs: sortedJson(a.xattrs) === sortedJson(b.xattrs),
  };
  return Object.keys(same).filter((key) => !same[key]);
}

function sortedJson(xattrs: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(xattrs).sort(([a], [b]) => (a < b ? -1 : 1)));
}
