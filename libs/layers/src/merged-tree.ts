/**
 * What a stack of layers shows: each layer is applied on those below as a daemon with overlay2 unpacks it. A whiteout
 * and an opaque directory hide only what lower layers have, wherever in their layer they stand. A name below a file of a
 * lower layer, or below its symlink, makes that a directory; below a symlink of its own layer it goes where that leads.
 * A hard link stands for the file that its target is at that moment, in its own layer or in a lower one.
 */
import { ByteSlab } from './byte-slab.js';
import { LayerTooLargeError, SymlinkLoopError } from './errors.js';
import type { IndexEntry } from './index-entry.js';
import { readEntry, readType, writeEntry } from './index-record.js';
import { type LayerChanges, noChanges } from './layer-changes.js';
import { NameTable, nothing, root } from './name-table.js';
import { NumberColumn } from './number-column.js';
import { RecordReader, RecordWriter } from './record-bytes.js';
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
  /** Whether the file got other names; they may have gone. */
  isShared: boolean;
}

/** Entries of one layer, from an index or from rows. */
export type LayerEntries = AsyncIterable<IndexEntry> | Iterable<IndexEntry>;

/** What is kept of each file beside its record. */
const inodeBytes = 20;

/**
 * The merged view of layers; some 150 bytes for each entry. Names and files are numbers: those of names as `NameTable`
 * gives them, those of files from 1.
 */
export class MergedTree {
  readonly #names = new NameTable();
  /** By name: its file, whether that is a directory, and the layer that set the name last, from 1. */
  readonly #inodeOf = new NumberColumn();
  readonly #isDirectory = new NumberColumn();
  readonly #setBy = new NumberColumn();
  /** By file: its record, its layer from 1 (0 where none describes it), and the name it had at first. */
  readonly #records = new ByteSlab();
  readonly #writer = new RecordWriter();
  readonly #recordAt = new NumberColumn();
  readonly #layerOf = new NumberColumn();
  readonly #homeOf = new NumberColumn();
  readonly #isShared = new NumberColumn();
  #inodes = 0;
  /** The layer that is applied, from 1. */
  #layer = 0;
  #isFollowed = false;
  readonly #implied: number;
  #changes: LayerChanges = noChanges();
  readonly #maxBytes: number;

  /** With `maxBytes`, what takes more memory is refused. */
  constructor({ maxBytes = Number.POSITIVE_INFINITY } = {}) {
    this.#maxBytes = maxBytes;
    writeEntry(this.#writer, impliedDirectory, false);
    this.#implied = this.#records.add(this.#writer.take());
    this.#isDirectory.set(root, 1);
    this.#imply(root);
  }

  /** Applies layers, the lowest first. */
  static async of(layers: Iterable<LayerEntries>): Promise<MergedTree> {
    const tree = new MergedTree();
    for (const layer of layers) await tree.add(layer);
    return tree;
  }

  /** How many layers there are. */
  get layerCount(): number {
    return this.#layer;
  }

  /** About how much memory it takes. */
  get usedBytes(): number {
    return this.#names.usedBytes + this.#records.usedBytes + this.#inodes * inodeBytes;
  }

  /**
   * Puts one more layer on top, and says what it did to what is below.
   *
   * @throws {LayerTooLargeError} the tree is then to be thrown away
   */
  async add(entries: LayerEntries): Promise<LayerChanges> {
    this.#layer += 1;
    this.#changes = noChanges();
    for await (const entry of entries) {
      this.#apply(entry);
      if (this.usedBytes <= this.#maxBytes) continue;
      throw new LayerTooLargeError(
        `its entries take more than ${Math.round(this.#maxBytes / 1e6)} MB of memory`,
        entry.path,
      );
    }
    return this.#changes;
  }

  /** The entry of a clean path as it stands: no symlink is followed. */
  find(path: string): TreeEntry | null {
    const node = this.#names.at(path);
    return node === nothing ? null : this.#entryOf(path, node);
  }

  /**
   * Where a path leads, symlinks followed as if the tree were the root directory: nothing leads out of it. What does
   * not exist keeps its name. With `keepLast` the last part is not followed.
   *
   * @throws {SymlinkLoopError} more than 255 symlinks
   */
  resolve(path: string, options: { keepLast?: boolean } = {}): string {
    const symlinkAt = (at: string): string | null => {
      const node = this.#names.at(at);
      return node !== nothing && this.#typeOf(node) === 'symlink' ? (this.#recordOf(node).linkTarget ?? '') : null;
    };
    return resolvePath(symlinkAt, path, options);
  }

  /** What is in a directory, by name; null when there is no such directory. */
  list(dir: string): TreeEntry[] | null {
    const node = this.#names.at(dir);
    if (node === nothing || !this.#isDirectory.get(node)) return null;
    return this.#sorted(node).map(([name, child]) => this.#entryOf(join(dir, name), child));
  }

  /** The names in a directory, in no order; none where there is no such directory. */
  names(dir: string): string[] {
    const node = this.#names.at(dir);
    return node === nothing ? [] : this.#names.children(node).map((child) => this.#names.nameOf(child));
  }

  /** The entry of a path and everything below, each directory before its content, by name. */
  *walk(from = ''): Generator<TreeEntry> {
    const start = this.#names.at(from);
    if (start === nothing) return;
    const open: [string, number][] = [[from, start]];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const [path, node] = next;
      yield this.#entryOf(path, node);
      for (const [name, child] of this.#sorted(node).reverse()) open.push([join(path, name), child]);
    }
  }

  #apply(entry: IndexEntry): void {
    this.#changes.entries += 1;
    switch (entry.type) {
      case 'whiteout':
        this.#whiteOut(entry.path);
        break;
      case 'opaque':
        this.#hideBelow(this.#directoryAt(parts(entry.path)));
        break;
      case 'link':
        this.#place(entry, this.#linked(entry));
        break;
      default:
        this.#place(entry, null);
    }
  }

  /** Without a file that is there already, `shared`, the entry is one of its own. */
  #place(entry: IndexEntry, shared: number | null): void {
    const isDirectory = entry.type === 'directory';
    this.#isFollowed = false;
    if (entry.path === '') {
      if (isDirectory) this.#describe(root, entry);
      return;
    }
    const { dir, name } = this.#placeOf(entry.path);
    const before = this.#names.find(dir, name);
    const wasDirectory = before !== 0 && this.#isDirectory.get(before) === 1;
    if (isDirectory && wasDirectory) {
      this.#describe(before, entry);
      return;
    }
    if (before === 0) this.#changes.added += 1;
    else if (this.#setBy.get(before) < this.#layer) this.#count(before, 'changed');
    if (shared === null || this.#layerOf.get(shared) === this.#layer) this.#changes.addedBytes += entry.sizeBytes;
    if (wasDirectory) this.#forgetBelow(before);
    if (before !== 0) this.#names.remove(before);
    const node = this.#make(dir, name, isDirectory);
    if (shared === null) {
      this.#record(node, entry);
    } else {
      this.#inodeOf.set(node, shared);
      this.#isShared.set(shared, 1);
    }
  }

  /** A directory that was there gets this layer's attributes and keeps its content. */
  #describe(node: number, entry: IndexEntry): void {
    if (this.#setBy.get(node) < this.#layer && !sameAttributes(this.#recordOf(node), entry)) this.#changes.changed += 1;
    this.#record(node, entry);
    this.#setBy.set(node, this.#layer);
  }

  #whiteOut(path: string): void {
    // Of nothing it says nothing: no directory comes into being by it.
    const node = this.#names.at(path);
    if (node === nothing || node === root) return;
    if (this.#isDirectory.get(node)) this.#hideBelow(node);
    if (this.#setBy.get(node) === this.#layer) return;
    this.#count(node, 'deleted');
    if (this.#names.hasChildren(node)) {
      this.#imply(node);
      this.#setBy.set(node, this.#layer);
    } else {
      this.#names.remove(node);
    }
  }

  /** Takes away what lower layers have below a directory, and keeps what this one put there. */
  #hideBelow(dir: number): void {
    for (const node of this.#postOrder(dir)) {
      if (this.#setBy.get(node) === this.#layer) continue;
      if (this.#names.hasChildren(node)) {
        this.#setBy.set(node, this.#layer);
        continue;
      }
      this.#count(node, 'deleted');
      this.#names.remove(node);
    }
  }

  #forgetBelow(dir: number): void {
    for (const node of this.#postOrder(dir)) if (this.#setBy.get(node) < this.#layer) this.#count(node, 'deleted');
  }

  #count(node: number, what: 'changed' | 'deleted'): void {
    const { sizeBytes } = this.#recordOf(node);
    this.#changes[what] += 1;
    if (what === 'changed') this.#changes.changedBytes += sizeBytes;
    else this.#changes.deletedBytes += sizeBytes;
  }

  /** The file that a hard link is a name of; null where there is none. */
  #linked({ linkTarget }: IndexEntry): number | null {
    try {
      const target = this.#names.at(this.resolve(linkTarget ?? '', { keepLast: true }));
      return target === nothing || this.#isDirectory.get(target) ? null : this.#inodeOf.get(target);
    } catch (error) {
      if (error instanceof SymlinkLoopError) return null;
      throw error;
    }
  }

  /** The directory a name goes to, made where it is missing, and the name there. */
  #placeOf(path: string): { dir: number; name: string } {
    const slash = path.lastIndexOf('/');
    if (slash === -1) return { dir: root, name: path };
    return { dir: this.#directoryAt(parts(path.slice(0, slash))), name: path.slice(slash + 1) };
  }

  #directoryAt(path: readonly string[]): number {
    let node = root;
    for (const [index, name] of path.entries()) {
      const child = this.#names.find(node, name);
      if (child !== 0 && this.#isDirectory.get(child)) {
        node = child;
      } else if (child !== 0 && this.#typeOf(child) === 'symlink' && this.#setBy.get(child) === this.#layer) {
        return this.#followed(path.slice(0, index + 1).join('/'), path.slice(index + 1));
      } else {
        if (child === 0) this.#changes.added += 1;
        else if (this.#setBy.get(child) < this.#layer) this.#count(child, 'changed');
        node = this.#makeImplied(node, name, child);
      }
    }
    return node;
  }

  #followed(symlink: string, rest: readonly string[]): number {
    this.#isFollowed = true;
    const path = [symlink, ...rest].join('/');
    try {
      return this.#directoryAt(parts(this.resolve(path)));
    } catch (error) {
      if (!(error instanceof SymlinkLoopError)) throw error;
      // Nothing could have been unpacked through it: a name of its own wins over a symlink that leads nowhere.
      const { dir, name } = this.#placeOf(symlink);
      this.#makeImplied(dir, name, this.#names.find(dir, name));
      return this.#directoryAt(parts(path));
    }
  }

  #makeImplied(dir: number, name: string, before: number): number {
    if (before !== 0) this.#names.remove(before);
    const node = this.#make(dir, name, true);
    this.#imply(node);
    return node;
  }

  #make(dir: number, name: string, isDirectory: boolean): number {
    const node = this.#names.add(dir, name);
    this.#isDirectory.set(node, isDirectory ? 1 : 0);
    this.#setBy.set(node, this.#layer);
    return node;
  }

  /** A name becomes that of a file of its own. */
  #record(node: number, entry: IndexEntry): void {
    writeEntry(this.#writer, entry, this.#isFollowed);
    this.#newInode(node, this.#records.add(this.#writer.take()), this.#layer);
  }

  /** A name becomes a directory that a layer uses without describing it. */
  #imply(node: number): void {
    this.#newInode(node, this.#implied, 0);
  }

  #newInode(node: number, record: number, layer: number): void {
    this.#inodes += 1;
    this.#recordAt.set(this.#inodes, record);
    this.#layerOf.set(this.#inodes, layer);
    this.#homeOf.set(this.#inodes, node);
    this.#inodeOf.set(node, this.#inodes);
  }

  #entryOf(path: string, node: number): TreeEntry {
    const inode = this.#inodeOf.get(node);
    const home = this.#homeOf.get(inode);
    const entry = this.#recordOf(node, () => (home === node ? path : this.#names.pathOf(home)));
    return {
      path,
      name: path.slice(path.lastIndexOf('/') + 1),
      entry,
      layer: this.#layerOf.get(inode) - 1,
      inode,
      isShared: this.#isShared.get(inode) === 1,
    };
  }

  /** What a name's file is; without its path where nobody tells it, since that takes long to put together. */
  #recordOf(node: number, pathOf = (): string => ''): IndexEntry {
    return readEntry(this.#readerOf(node), pathOf);
  }

  #typeOf(node: number): IndexEntry['type'] {
    return readType(this.#readerOf(node));
  }

  #readerOf(node: number): RecordReader {
    const address = this.#recordAt.get(this.#inodeOf.get(node));
    return new RecordReader(this.#records.blockOf(address), this.#records.offsetOf(address));
  }

  #sorted(dir: number): [string, number][] {
    const children = this.#names.children(dir).map((node): [string, number] => [this.#names.nameOf(node), node]);
    return children.sort(([a], [b]) => (a < b ? -1 : 1));
  }

  /** Everything below a directory, content before its directory; without recursion, since trees may be very deep. */
  *#postOrder(dir: number): Generator<number> {
    const open = this.#names.children(dir);
    const entered: number[] = [];
    for (let node = open.at(-1); node !== undefined; node = open.at(-1)) {
      if (entered.at(-1) === node || !this.#names.hasChildren(node)) {
        if (entered.at(-1) === node) entered.pop();
        open.pop();
        yield node;
      } else {
        entered.push(node);
        for (const child of this.#names.children(node)) open.push(child);
      }
    }
  }
}

/** A directory that a layer uses without describing it; its path is where it is. */
const impliedDirectory: IndexEntry = {
  ...{ path: '', type: 'directory', mode: 0o755, uid: 0, gid: 0, sizeBytes: 0, mtimeMs: 0 },
  ...{ linkTarget: null, device: null, xattrs: {}, offsetBytes: 0, storedBytes: 0, sha256: null, sparse: null },
};

function sameAttributes(a: IndexEntry, b: IndexEntry): boolean {
  const xattrs = JSON.stringify(a.xattrs) === JSON.stringify(b.xattrs);
  return a.type === b.type && a.mode === b.mode && a.uid === b.uid && a.gid === b.gid && xattrs;
}
