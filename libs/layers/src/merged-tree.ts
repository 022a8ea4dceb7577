/**
 * What a stack of layers shows: each layer is applied on those below as a daemon with overlay2 unpacks it. A whiteout
 * and an opaque directory hide only what lower layers have, wherever in their layer they stand. A name below a file of a
 * lower layer, or below its symlink, makes that a directory; below a symlink of its own layer it goes where that leads.
 * A hard link stands for the file that its target is at that moment, in its own layer or in a lower one.
 */
import { LayerTooLargeError, SymlinkLoopError } from './errors.js';
import { FileTable } from './file-table.js';
import type { IndexEntry } from './index-entry.js';
import { type LayerChanges, noChanges } from './layer-changes.js';
import { NameTable, nothing, root } from './name-table.js';
import { NumberColumn } from './number-column.js';
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

/** What is kept of each name beside those of `NameTable`. */
const placeBytes = 8;

/** How a tree is made. */
export interface TreeOptions {
  /** What takes more memory is refused. */
  maxBytes?: number;
  /** Whether entries have the hashes of their contents, true when not given. */
  hashes?: boolean;
}

/**
 * The merged view of layers; some 100 bytes for each entry, and 32 for a hash. Names and files are numbers, as
 * `NameTable` and `FileTable` give them.
 */
export class MergedTree {
  readonly #names = new NameTable();
  readonly #files: FileTable;
  /** By name: its file, and twice the layer that set the name last, one more where it is a directory. */
  readonly #fileOf = new NumberColumn();
  readonly #place = new NumberColumn();
  /** The layer that is applied, from 1. */
  #layer = 0;
  #isFollowed = false;
  #changes: LayerChanges = noChanges();
  readonly #maxBytes: number;

  constructor({ maxBytes = Number.POSITIVE_INFINITY, hashes = true }: TreeOptions = {}) {
    this.#maxBytes = maxBytes;
    this.#files = new FileTable({ hashes });
    this.#set(root, { isDirectory: true });
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
    return this.#names.usedBytes + this.#names.count * placeBytes + this.#files.usedBytes;
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
      return node !== nothing && this.#typeOf(node) === 'symlink' ? (this.#readNode(node).linkTarget ?? '') : null;
    };
    return resolvePath(symlinkAt, path, options);
  }

  /** What is in a directory, by name; null when there is no such directory. */
  list(dir: string): TreeEntry[] | null {
    const node = this.#names.at(dir);
    if (node === nothing || !this.#isDirectory(node)) return null;
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
        this.#put(entry, this.#linked(entry));
        break;
      default:
        this.#put(entry, null);
    }
  }

  /** Without a file that is there already, `shared`, the entry is one of its own. */
  #put(entry: IndexEntry, shared: number | null): void {
    const isDirectory = entry.type === 'directory';
    this.#isFollowed = false;
    if (entry.path === '') {
      if (isDirectory) this.#describe(root, entry);
      return;
    }
    const { dir, name } = this.#placeOf(entry.path);
    const before = this.#names.find(dir, name);
    const wasDirectory = before !== 0 && this.#isDirectory(before);
    if (isDirectory && wasDirectory) {
      this.#describe(before, entry);
      return;
    }
    if (before === 0) this.#changes.added += 1;
    else if (this.#setBy(before) < this.#layer) this.#count(before, 'changed');
    if (shared === null || this.#files.layerOf(shared) === this.#layer) this.#changes.addedBytes += entry.sizeBytes;
    if (wasDirectory) this.#forgetBelow(before);
    if (before !== 0) this.#names.remove(before);
    const node = this.#make(dir, name, isDirectory);
    if (shared === null) {
      this.#record(node, entry);
    } else {
      this.#fileOf.set(node, shared);
      this.#files.share(shared);
    }
  }

  /** A directory that was there gets this layer's attributes and keeps its content. */
  #describe(node: number, entry: IndexEntry): void {
    if (this.#setBy(node) < this.#layer && !sameAttributes(this.#readNode(node), entry)) this.#changes.changed += 1;
    this.#record(node, entry);
    this.#set(node, { isDirectory: true });
  }

  #whiteOut(path: string): void {
    // Of nothing it says nothing: no directory comes into being by it.
    const node = this.#names.at(path);
    if (node === nothing || node === root) return;
    if (this.#isDirectory(node)) this.#hideBelow(node);
    if (this.#setBy(node) === this.#layer) return;
    this.#count(node, 'deleted');
    if (this.#names.hasChildren(node)) {
      this.#imply(node);
      this.#set(node, { isDirectory: true });
    } else {
      this.#names.remove(node);
    }
  }

  /** Takes away what lower layers have below a directory, and keeps what this one put there. */
  #hideBelow(dir: number): void {
    for (const node of this.#postOrder(dir)) {
      if (this.#setBy(node) === this.#layer) continue;
      if (this.#names.hasChildren(node)) {
        this.#set(node, { isDirectory: true });
        continue;
      }
      this.#count(node, 'deleted');
      this.#names.remove(node);
    }
  }

  #forgetBelow(dir: number): void {
    for (const node of this.#postOrder(dir)) if (this.#setBy(node) < this.#layer) this.#count(node, 'deleted');
  }

  #count(node: number, what: 'changed' | 'deleted'): void {
    const { sizeBytes } = this.#readNode(node);
    this.#changes[what] += 1;
    if (what === 'changed') this.#changes.changedBytes += sizeBytes;
    else this.#changes.deletedBytes += sizeBytes;
  }

  /** The file that a hard link is a name of; null where there is none. */
  #linked({ linkTarget }: IndexEntry): number | null {
    try {
      const target = this.#names.at(this.resolve(linkTarget ?? '', { keepLast: true }));
      return target === nothing || this.#isDirectory(target) ? null : this.#fileOf.get(target);
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
      if (child !== 0 && this.#isDirectory(child)) {
        node = child;
      } else if (child !== 0 && this.#typeOf(child) === 'symlink' && this.#setBy(child) === this.#layer) {
        return this.#followed(path.slice(0, index + 1).join('/'), path.slice(index + 1));
      } else {
        if (child === 0) this.#changes.added += 1;
        else if (this.#setBy(child) < this.#layer) this.#count(child, 'changed');
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
    this.#set(node, { isDirectory });
    return node;
  }

  /** The layer that is applied sets a name. */
  #set(node: number, { isDirectory }: { isDirectory: boolean }): void {
    this.#place.set(node, this.#layer * 2 + (isDirectory ? 1 : 0));
  }

  #setBy(node: number): number {
    return this.#place.get(node) >>> 1;
  }

  #isDirectory(node: number): boolean {
    return (this.#place.get(node) & 1) === 1;
  }

  /** A name becomes that of a file of its own. */
  #record(node: number, entry: IndexEntry): void {
    const keepPath = this.#isFollowed;
    this.#fileOf.set(node, this.#files.add(entry, { layer: this.#layer, home: node, keepPath }));
  }

  /** A name becomes a directory that a layer uses without describing it. */
  #imply(node: number): void {
    this.#fileOf.set(node, this.#files.addImplied(node));
  }

  #entryOf(path: string, node: number): TreeEntry {
    const file = this.#fileOf.get(node);
    const home = this.#files.homeOf(file);
    return {
      path,
      name: path.slice(path.lastIndexOf('/') + 1),
      entry: this.#files.entryOf(file, () => (home === node ? path : this.#names.pathOf(home))),
      layer: this.#files.layerOf(file) - 1,
      inode: file,
      isShared: this.#files.isShared(file),
    };
  }

  /** What a name is, without its path, since that takes long to put together. */
  #readNode(node: number): IndexEntry {
    return this.#files.entryOf(this.#fileOf.get(node));
  }

  #typeOf(node: number): IndexEntry['type'] {
    return this.#files.typeOf(this.#fileOf.get(node));
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

function sameAttributes(a: IndexEntry, b: IndexEntry): boolean {
  const xattrs = JSON.stringify(a.xattrs) === JSON.stringify(b.xattrs);
  return a.type === b.type && a.mode === b.mode && a.uid === b.uid && a.gid === b.gid && xattrs;
}
