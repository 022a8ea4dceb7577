/**
 * What a stack of layers shows: each layer is applied on those below as a daemon with overlay2 unpacks it. A whiteout
 * and an opaque directory hide only what lower layers have, wherever in their layer they stand. A name below a file of a
 * lower layer, or below its symlink, makes that a directory; below a symlink of its own layer it goes where that leads.
 * A hard link stands for the file that its target is at that moment, in its own layer or in a lower one.
 */
import { SymlinkLoopError } from './errors.js';
import type { IndexEntry } from './index-entry.js';
import { type LayerChanges, noChanges } from './layer-changes.js';
import { joinPath as join, pathParts as parts, resolvePath } from './resolve-path.js';

/** One name of the tree. */
export interface TreeEntry {
  path: string;
  /** The last part of the path, `''` for the root. */
  name: string;
  /** As its layer has it; for a hard link the file it stands for, whose `path` may be another. */
  entry: IndexEntry;
  /** Where `entry` is, counted from the bottom, from 0; -1 for a directory that no layer describes. */
  layer: number;
  /** The same for all names of one file. */
  inode: number;
}

interface Inode {
  id: number;
  entry: IndexEntry;
  layer: number;
}

interface Node {
  inode: Inode;
  /** The layer that set this name last. */
  layer: number;
  children: Map<string, Node> | null;
}

/** Entries of one layer, from an index or from rows. */
export type LayerEntries = AsyncIterable<IndexEntry> | Iterable<IndexEntry>;

/** The merged view of layers; about 400 bytes for each entry. */
export class MergedTree {
  #inodes = 0;
  #layer = -1;
  #changes: LayerChanges = noChanges();
  readonly #root: Node = { inode: this.#implied(''), layer: -1, children: new Map() };

  /** Applies layers, the lowest first. */
  static async of(layers: Iterable<LayerEntries>): Promise<MergedTree> {
    const tree = new MergedTree();
    for (const layer of layers) await tree.add(layer);
    return tree;
  }

  /** How many layers there are. */
  get layerCount(): number {
    return this.#layer + 1;
  }

  /** Puts one more layer on top, and says what it did to what is below. */
  async add(entries: LayerEntries): Promise<LayerChanges> {
    this.#layer += 1;
    this.#changes = noChanges();
    for await (const entry of entries) this.#apply(entry);
    return this.#changes;
  }

  /** The entry of a clean path as it stands: no symlink is followed. */
  find(path: string): TreeEntry | null {
    const node = this.#nodeAt(path);
    return node === null ? null : treeEntry(path, node);
  }

  /**
   * Where a path leads, symlinks followed as if the tree were the root directory: nothing leads out of it. What does
   * not exist keeps its name. With `keepLast` the last part is not followed.
   *
   * @throws {SymlinkLoopError} more than 255 symlinks
   */
  resolve(path: string, options: { keepLast?: boolean } = {}): string {
    const symlinkAt = (at: string): string | null => {
      const entry = this.#nodeAt(at)?.inode.entry;
      return entry?.type === 'symlink' ? (entry.linkTarget ?? '') : null;
    };
    return resolvePath(symlinkAt, path, options);
  }

  /** What is in a directory, by name; null when there is no such directory. */
  list(dir: string): TreeEntry[] | null {
    const node = this.#nodeAt(dir);
    if (!node?.children) return null;
    return sorted(node.children).map(([name, child]) => treeEntry(join(dir, name), child));
  }

  /** The entry of a path and everything below, each directory before its content, by name. */
  *walk(from = ''): Generator<TreeEntry> {
    const start = this.#nodeAt(from);
    if (start === null) return;
    const open: [string, Node][] = [[from, start]];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const [path, node] = next;
      yield treeEntry(path, node);
      if (!node.children) continue;
      for (const [name, child] of sorted(node.children).reverse()) open.push([join(path, name), child]);
    }
  }

  #apply(entry: IndexEntry): void {
    this.#changes.entries += 1;
    switch (entry.type) {
      case 'whiteout':
        this.#whiteOut(entry.path);
        break;
      case 'opaque':
        this.#hideBelow(entry.path === '' ? this.#root : this.#directoryAt(parts(entry.path)));
        break;
      case 'link':
        this.#place(entry, this.#linked(entry));
        break;
      default:
        this.#place(entry, this.#inode(entry, this.#layer));
    }
  }

  #place(entry: IndexEntry, inode: Inode): void {
    if (entry.path === '') {
      if (entry.type === 'directory') this.#describe(this.#root, inode);
      return;
    }
    const { dir, name } = this.#placeOf(entry.path);
    const before = dir.children?.get(name);
    const isDirectory = inode.entry.type === 'directory';
    if (isDirectory && before?.children) {
      this.#describe(before, inode);
      return;
    }
    if (!before) this.#changes.added += 1;
    else if (before.layer < this.#layer) this.#count(before, 'changed');
    if (inode.layer === this.#layer) this.#changes.addedBytes += entry.sizeBytes;
    if (before?.children) this.#forgetBelow(before);
    dir.children?.set(name, { inode, layer: this.#layer, children: isDirectory ? new Map() : null });
  }

  /** A directory that was there gets this layer's attributes and keeps its content. */
  #describe(node: Node, inode: Inode): void {
    if (node.layer < this.#layer) {
      if (node.layer === -1 && node !== this.#root) this.#changes.added += 1;
      else if (!sameAttributes(node.inode.entry, inode.entry)) this.#changes.changed += 1;
    }
    node.inode = inode;
    node.layer = this.#layer;
  }

  #whiteOut(path: string): void {
    // Of nothing it says nothing: no directory comes into being by it.
    const slash = path.lastIndexOf('/');
    const dir = this.#nodeAt(slash === -1 ? '' : path.slice(0, slash));
    const name = path.slice(slash + 1);
    const node = dir?.children?.get(name);
    if (!dir || !node) return;
    if (node.children) this.#hideBelow(node);
    if (node.layer === this.#layer) return;
    this.#count(node, 'deleted');
    if (node.children && node.children.size > 0) {
      node.inode = this.#implied(path);
      node.layer = this.#layer;
    } else {
      dir.children?.delete(name);
    }
  }

  /** Takes away what lower layers have below a directory, and keeps what this one put there. */
  #hideBelow(dir: Node): void {
    for (const { node, parent, name } of postOrder(dir)) {
      if (node.layer === this.#layer) continue;
      if (node.children && node.children.size > 0) {
        node.layer = this.#layer;
        continue;
      }
      this.#count(node, 'deleted');
      parent.children?.delete(name);
    }
  }

  #forgetBelow(dir: Node): void {
    for (const { node } of postOrder(dir)) if (node.layer < this.#layer) this.#count(node, 'deleted');
  }

  #count(node: Node, what: 'changed' | 'deleted'): void {
    const { sizeBytes } = node.inode.entry;
    this.#changes[what] += 1;
    if (what === 'changed') this.#changes.changedBytes += sizeBytes;
    else this.#changes.deletedBytes += sizeBytes;
  }

  #linked(entry: IndexEntry): Inode {
    const target = this.#nodeAt(this.resolve(entry.linkTarget ?? '', { keepLast: true }));
    return target && !target.children ? target.inode : this.#inode(entry, this.#layer);
  }

  /** The directory a name goes to, made where it is missing, and the name there. */
  #placeOf(path: string): { dir: Node; name: string } {
    const slash = path.lastIndexOf('/');
    if (slash === -1) return { dir: this.#root, name: path };
    return { dir: this.#directoryAt(parts(path.slice(0, slash))), name: path.slice(slash + 1) };
  }

  #directoryAt(path: readonly string[]): Node {
    let node = this.#root;
    let at = '';
    for (const [index, name] of path.entries()) {
      at = join(at, name);
      const child = node.children?.get(name);
      if (child?.children) {
        node = child;
      } else if (child?.inode.entry.type === 'symlink' && child.layer === this.#layer) {
        return this.#followed(at, path.slice(index + 1));
      } else {
        const made: Node = { inode: this.#implied(at), layer: this.#layer, children: new Map() };
        if (child && child.layer < this.#layer) this.#count(child, 'changed');
        else if (!child) this.#changes.added += 1;
        node.children?.set(name, made);
        node = made;
      }
    }
    return node;
  }

  #followed(symlink: string, rest: readonly string[]): Node {
    const path = [symlink, ...rest].join('/');
    try {
      return this.#directoryAt(parts(this.resolve(path)));
    } catch (error) {
      if (!(error instanceof SymlinkLoopError)) throw error;
      // Nothing could have been unpacked through it: a name of its own wins over a symlink that leads nowhere.
      const { dir, name } = this.#placeOf(symlink);
      dir.children?.set(name, { inode: this.#implied(symlink), layer: this.#layer, children: new Map() });
      return this.#directoryAt(parts(path));
    }
  }

  #nodeAt(path: string): Node | null {
    let node: Node | undefined = this.#root;
    if (path === '') return node;
    for (let from = 0; from <= path.length; ) {
      const slash = path.indexOf('/', from);
      const end = slash === -1 ? path.length : slash;
      node = node.children?.get(path.slice(from, end));
      if (node === undefined) return null;
      from = end + 1;
    }
    return node;
  }

  #inode(entry: IndexEntry, layer: number): Inode {
    this.#inodes += 1;
    return { id: this.#inodes, entry, layer };
  }

  #implied(path: string): Inode {
    return this.#inode(impliedDirectory(path), -1);
  }
}

/** A directory that a layer uses without describing it. */
function impliedDirectory(path: string): IndexEntry {
  return {
    path,
    type: 'directory',
    mode: 0o755,
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
}

/** Everything below a directory, content before its directory; without recursion, since trees may be very deep. */
function* postOrder(dir: Node): Generator<{ node: Node; parent: Node; name: string }> {
  const open: { node: Node; parent: Node; name: string; entered: boolean }[] = [];
  const enter = (parent: Node): void => {
    for (const [name, node] of parent.children ?? []) open.push({ node, parent, name, entered: false });
  };
  enter(dir);
  for (let next = open.at(-1); next !== undefined; next = open.at(-1)) {
    if (next.entered || !next.node.children) {
      open.pop();
      yield next;
    } else {
      next.entered = true;
      enter(next.node);
    }
  }
}

function sameAttributes(a: IndexEntry, b: IndexEntry): boolean {
  const xattrs = JSON.stringify(a.xattrs) === JSON.stringify(b.xattrs);
  return a.type === b.type && a.mode === b.mode && a.uid === b.uid && a.gid === b.gid && xattrs;
}

function treeEntry(path: string, { inode }: Node): TreeEntry {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return { path, name, entry: inode.entry, layer: inode.layer, inode: inode.id };
}

function sorted(children: ReadonlyMap<string, Node>): [string, Node][] {
  return [...children].sort(([a], [b]) => (a < b ? -1 : 1));
}
