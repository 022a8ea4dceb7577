/**
 * A writable layer on top of a merged tree, as overlayfs has it: what is changed is copied up, what is removed becomes a
 * whiteout, a directory that is removed and made again is opaque. The tree below is never touched, so any number of
 * these can stand on one.
 */

import { EntryRecords, type RecordedKind } from './entry-records.js';
import { LayerTooLargeError } from './errors.js';
import type { MergedTree, TreeEntry } from './merged-tree.js';
import { NameTable, nothing, root } from './name-table.js';
import { NumberColumn } from './number-column.js';
import { joinPath, lastPart, parentPath, resolvePath } from './resolve-path.js';
import type { FileAttributes, WrittenContent, WrittenEntry } from './written-entry.js';

/** One name as the layer and those below it show it. */
export interface MergedFile extends FileAttributes {
  path: string;
  /** The last part of the path, '' for the root. */
  name: string;
  /** The same for all names of one file, and for no other. */
  inode: string;
  /** Whether the file may have other names. */
  isShared: boolean;
  /** Where it is kept. */
  from: { written: WrittenEntry } | { below: TreeEntry };
}

/** One line of what differs from the layers below. */
export interface PathChange {
  path: string;
  kind: 'added' | 'changed' | 'deleted';
}

/** What a new name is to be. */
export interface NewFile extends FileAttributes {
  content: WrittenContent | null;
  /** Of one that shares its file with another name. */
  inode?: number | null;
}

/** What a name takes beside its record, about. */
const nameBytes = 80;

/** Some 100 bytes for each entry, and what is kept inline. */
export class WritableTree {
  readonly #below: MergedTree;
  readonly #names = new NameTable();
  readonly #records = new EntryRecords();
  /** By name: its record and 1 more, 0 where there is no entry. */
  readonly #recordAt = new NumberColumn();
  /** By name: whether it was set or dropped since this tree was made. */
  readonly #isTouched = new NumberColumn();
  /** By name: how long its record is. */
  readonly #recordBytes = new NumberColumn();
  readonly #maxBytes: number;
  #livingBytes = 0;
  #lastInode = 0;
  #refersBelow = false;

  /** With `maxBytes`, changes with which the entries would take more memory are refused. */
  constructor(below: MergedTree, { maxBytes = Number.POSITIVE_INFINITY } = {}) {
    this.#below = below;
    this.#maxBytes = maxBytes;
  }

  /** The entries of a layer that was written before, in any order; as many as there are. */
  load(entries: Iterable<WrittenEntry>): void {
    for (const entry of entries) {
      this.#keep(entry);
      this.#lastInode = Math.max(this.#lastInode, entry.inode ?? 0);
    }
  }

  /** About how much memory it takes, the layers below not counted. */
  get usedBytes(): number {
    return this.#names.usedBytes + this.#records.usedBytes;
  }

  /** Whether any entry says nothing without the layers below: what it has there, or what it hides. */
  get refersBelow(): boolean {
    return this.#refersBelow;
  }

  /** Whether there is any entry but that of the root. */
  get isEmpty(): boolean {
    return !this.#names.hasChildren(root);
  }

  /** The entry of a clean path as it stands: no symlink is followed. */
  find(path: string): MergedFile | null {
    const written = this.#writtenAt(path);
    if (written !== null) return written.type === 'whiteout' ? null : mergedWritten(written, written.type);
    if (this.#hides(path)) return null;
    const below = this.#below.find(path);
    return below === null ? null : mergedBelow(below);
  }

  /**
   * Where a path leads, symlinks followed inside the tree.
   *
   * @throws {SymlinkLoopError}
   */
  resolve(path: string, options: { keepLast?: boolean } = {}): string {
    const symlinkAt = (at: string): string | null => {
      const found = this.find(at);
      return found?.type === 'symlink' ? (found.linkTarget ?? '') : null;
    };
    return resolvePath(symlinkAt, path, options);
  }

  /** What is in a directory, by name; null when there is no such directory. */
  list(dir: string): MergedFile[] | null {
    if (this.find(dir)?.type !== 'directory') return null;
    return this.#namesIn(dir).flatMap((name) => this.find(joinPath(dir, name)) ?? []);
  }

  /** The entry of a path and everything below, each directory before its content, by name. */
  *walk(from = ''): Generator<MergedFile> {
    const open = [from];
    for (let path = open.pop(); path !== undefined; path = open.pop()) {
      if (this.#names.at(path) === nothing) {
        yield* this.#walkBelow(path);
        continue;
      }
      const file = this.find(path);
      if (file === null) continue;
      yield file;
      if (file.type !== 'directory') continue;
      for (const name of this.#namesIn(path).reverse()) open.push(joinPath(path, name));
    }
  }

  /**
   * Gives a path a new file, in the place of what is there; a directory that is there keeps its content and gets the
   * attributes. The parent must be a directory.
   *
   * @throws {LayerTooLargeError}
   */
  put(path: string, file: NewFile, nowMs: number): void {
    const before = this.find(path);
    if (before?.type === 'directory' && file.type === 'directory') {
      const written = this.#copyUp(before);
      this.#set({ ...written, ...file, path, opaque: written.opaque, covers: written.covers, inode: null });
      return;
    }
    if (before !== null) this.remove(path, nowMs);
    this.#touchParent(path, nowMs);
    const below = this.#below.find(path);
    // A directory on which nothing was removed would show again what is below.
    const opaque = file.type === 'directory' && below?.entry.type === 'directory' && !this.#hides(path);
    this.#set({
      path,
      type: file.type,
      opaque,
      covers: below !== null,
      inode: file.inode ?? null,
      mode: file.mode,
      uid: file.uid,
      gid: file.gid,
      sizeBytes: file.sizeBytes,
      mtimeMs: file.mtimeMs,
      linkTarget: file.linkTarget,
      device: file.device,
      xattrs: file.xattrs,
      content: file.content,
    });
  }

  /** Gives a file another name. The target must be there and no directory. */
  link(path: string, target: MergedFile, nowMs: number): void {
    const written = this.#copyUp(target);
    const inode = written.inode ?? this.#newInode();
    if (written.inode === null) this.#set({ ...written, inode });
    const { type, content, mode, uid, gid, sizeBytes, mtimeMs, linkTarget, device, xattrs } = written;
    const attributes = { mode, uid, gid, sizeBytes, mtimeMs, linkTarget, device, xattrs };
    this.put(path, { ...attributes, type: type as FileAttributes['type'], content, inode }, nowMs);
  }

  /** Removes a path and everything below it. A no-op when there is nothing. */
  remove(path: string, nowMs: number): void {
    if (path === '' || this.find(path) === null) return;
    this.#touchParent(path, nowMs);
    const node = this.#names.at(path);
    if (node !== nothing) for (const below of this.#writtenBelow(node)) this.#drop(below);
    const covered = this.#below.find(path) !== null;
    if (covered && !this.#hides(path)) this.#set({ ...whiteout, path, covers: true, mtimeMs: nowMs });
    else if (node !== nothing) this.#drop(node);
  }

  /** Sets the time of a directory that is there. */
  setTime(path: string, mtimeMs: number): void {
    const found = this.find(path);
    if (found !== null) this.#set({ ...this.#copyUp(found), mtimeMs });
  }

  /** What this layer has, each directory before its content, by name. */
  *entries(): Generator<WrittenEntry> {
    for (const [path, node] of this.#written()) yield this.#entryOf(node, path);
  }

  /** The entries that were set since this tree was made. */
  *putEntries(): Generator<WrittenEntry> {
    for (let node = root; node <= this.#names.count; node++) {
      if (this.#isTouched.get(node) && this.#recordAt.get(node)) yield this.#entryOf(node, this.#names.pathOf(node));
    }
  }

  /** The paths that were dropped since this tree was made, and have no entry any more. */
  *droppedPaths(): Generator<string> {
    for (let node = root; node <= this.#names.count; node++) {
      if (!this.#isTouched.get(node) || this.#recordAt.get(node)) continue;
      const path = this.#names.pathOf(node);
      const now = this.#names.at(path);
      if (now === nothing || this.#recordAt.get(now) === 0) yield path;
    }
  }

  /** Bytes of the files in this layer, each file once, and of the texts of symlinks. */
  sizeBytes(): number {
    const seen = new Set<number>();
    let total = 0;
    for (let node = root; node <= this.#names.count; node++) {
      if (this.#recordAt.get(node) === 0) continue;
      const { type, inode, sizeBytes, linkTarget } = this.#entryOf(node, '');
      if (inode !== null && seen.has(inode)) continue;
      if (inode !== null) seen.add(inode);
      if (type === 'file') total += sizeBytes;
      else if (type === 'symlink') total += Buffer.byteLength(linkTarget ?? '');
    }
    return total;
  }

  /** What differs from the layers below, as `docker diff` lists it: all but the root, each directory before its content. */
  *changes(): Generator<PathChange> {
    for (const [path, node] of this.#written((dir, at) => this.#goneFrom(dir, at))) {
      if (path === '') continue;
      const { type, covers } = node === nothing ? hidden : this.#kindOf(node);
      yield { path, kind: type === 'whiteout' ? 'deleted' : covers ? 'changed' : 'added' };
    }
  }

  /** Whether this layer hides what the layers below have at a path, other than by an entry of the path itself. */
  #hides(path: string): boolean {
    if (path === '') return false;
    let dir = root;
    for (let from = 0; ; ) {
      if (this.#recordAt.get(dir)) {
        const { type, opaque } = this.#kindOf(dir);
        if (type !== 'directory' || opaque) return true;
      }
      const slash = path.indexOf('/', from);
      if (slash === -1) return false;
      dir = this.#names.find(dir, path.slice(from, slash));
      if (dir === 0) return false;
      from = slash + 1;
    }
  }

  /** The parent gets an entry of its own, with all above it, and the time of the change. */
  #touchParent(path: string, nowMs: number): void {
    const dir = parentPath(path);
    const found = this.find(dir);
    if (found === null) throw new Error(`${dir} is not there`);
    const written = this.#copyUp(found);
    if (written.mtimeMs !== nowMs) this.#set({ ...written, mtimeMs: nowMs });
  }

  /** The entry of what is there, with all directories above it. */
  #copyUp(found: MergedFile): WrittenEntry {
    if ('written' in found.from) return found.from.written;
    const { path, name: _, inode: __, isShared: ___, from, ...attributes } = found;
    if (path !== '') {
      const parent = this.find(parentPath(path));
      if (parent !== null) this.#copyUp(parent);
    }
    const content: WrittenContent | null = found.type === 'file' ? { kind: 'below', path: from.below.path } : null;
    const written: WrittenEntry = { ...attributes, path, opaque: false, covers: true, inode: null, content };
    this.#set(written);
    return written;
  }

  #set(entry: WrittenEntry): void {
    this.#isTouched.set(this.#keep(entry), 1);
    if (this.#livingBytes <= this.#maxBytes) return;
    const reason = `the changes of a container take more than ${Math.round(this.#maxBytes / 1e6)} MB of memory`;
    throw new LayerTooLargeError(reason, entry.path);
  }

  #keep(entry: WrittenEntry): number {
    const node = this.#names.put(entry.path);
    const before = this.#records.usedBytes;
    this.#recordAt.set(node, this.#records.add(entry) + 1);
    this.#countRecord(node, this.#records.usedBytes - before + nameBytes);
    if (entry.opaque || entry.content?.kind === 'below') this.#refersBelow = true;
    return node;
  }

  /** What was replaced still takes memory, but no more than once for each change. */
  #countRecord(node: number, sizeBytes: number): void {
    this.#livingBytes += sizeBytes - this.#recordBytes.get(node);
    this.#recordBytes.set(node, sizeBytes);
  }

  #drop(node: number): void {
    this.#recordAt.set(node, 0);
    this.#countRecord(node, 0);
    this.#isTouched.set(node, 1);
    this.#names.remove(node);
  }

  #writtenAt(path: string): WrittenEntry | null {
    const node = this.#names.at(path);
    return node === nothing || this.#recordAt.get(node) === 0 ? null : this.#entryOf(node, path);
  }

  #entryOf(node: number, path: string): WrittenEntry {
    return this.#records.read(this.#recordAt.get(node) - 1, path) as WrittenEntry;
  }

  #kindOf(node: number): RecordedKind {
    return this.#records.kindAt(this.#recordAt.get(node) - 1);
  }

  /** All names with an entry, each directory before its content, by name; `nothing` stands for those of `more`. */
  *#written(more = (_dir: number, _path: string): string[] => []): Generator<[path: string, node: number]> {
    const open: [string, number][] = [['', root]];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const [path, node] = next;
      if (node === nothing || this.#recordAt.get(node)) yield next;
      if (node === nothing) continue;
      const children = this.#names.children(node).map((child): [string, number] => [this.#names.nameOf(child), child]);
      for (const name of more(node, path)) children.push([name, nothing]);
      children.sort(([a], [b]) => (a < b ? 1 : -1));
      for (const [name, child] of children) open.push([joinPath(path, name), child]);
    }
  }

  /** What the layers below show where this one has nothing. */
  *#walkBelow(path: string): Generator<MergedFile> {
    if (this.#hides(path)) return;
    for (const below of this.#below.walk(path)) yield mergedBelow(below);
  }

  /** The names that a directory has or may have, in their order: whiteouts are among them. */
  #namesIn(dir: string): string[] {
    const names = new Set(this.#hides(joinPath(dir, '*')) ? [] : this.#below.names(dir));
    const own = this.#names.at(dir);
    if (own !== nothing) for (const node of this.#names.children(own)) names.add(this.#names.nameOf(node));
    return [...names].sort();
  }

  /** What a directory hides and does not have. */
  #goneFrom(dir: number, path: string): string[] {
    if (this.#recordAt.get(dir) === 0 || !this.#kindOf(dir).opaque) return [];
    return this.#below.names(path).filter((name) => this.#names.find(dir, name) === 0);
  }

  /** Everything below a name, content before its directory. */
  #writtenBelow(node: number): number[] {
    const found: number[] = [];
    const open = this.#names.children(node);
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      found.push(next);
      for (const child of this.#names.children(next)) open.push(child);
    }
    return found.reverse();
  }

  #newInode(): number {
    this.#lastInode += 1;
    return this.#lastInode;
  }
}

function mergedWritten(written: WrittenEntry, type: FileAttributes['type']): MergedFile {
  const { path, inode } = written;
  return {
    path,
    name: lastPart(path),
    type,
    mode: modeOf(type, written.mode),
    uid: written.uid,
    gid: written.gid,
    sizeBytes: written.sizeBytes,
    mtimeMs: written.mtimeMs,
    linkTarget: written.linkTarget,
    device: written.device,
    xattrs: written.xattrs,
    inode: inode === null ? `path ${path}` : `written ${inode}`,
    isShared: inode !== null,
    from: { written },
  };
}

function mergedBelow(below: TreeEntry): MergedFile {
  const { path, name, entry } = below;
  const type = entry.type === 'link' || entry.type === 'whiteout' || entry.type === 'opaque' ? 'file' : entry.type;
  return {
    path,
    name,
    type,
    mode: modeOf(type, entry.mode),
    uid: entry.uid,
    gid: entry.gid,
    sizeBytes: entry.sizeBytes,
    mtimeMs: entry.mtimeMs,
    linkTarget: entry.linkTarget,
    device: entry.device,
    xattrs: entry.xattrs,
    inode: `below ${below.inode}`,
    isShared: below.isShared,
    from: { below },
  };
}

/** Whatever a tar says, a symlink has no permissions of its own. */
function modeOf(type: FileAttributes['type'], mode: number): number {
  return type === 'symlink' ? 0o777 : mode;
}

const hidden: RecordedKind = { type: 'whiteout', opaque: false, covers: true };

const whiteout: Omit<WrittenEntry, 'path' | 'covers' | 'mtimeMs'> = {
  ...{ type: 'whiteout', opaque: false, mode: 0, uid: 0, gid: 0, sizeBytes: 0 },
  ...{ linkTarget: null, device: null, xattrs: {}, inode: null, content: null },
};
