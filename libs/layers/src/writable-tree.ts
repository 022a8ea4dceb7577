/**
 * A writable layer on top of a merged tree, as overlayfs has it: what is changed is copied up, what is removed becomes a
 * whiteout, a directory that is removed and made again is opaque. The tree below is never touched, so any number of
 * these can stand on one.
 */
import type { MergedTree, TreeEntry } from './merged-tree.js';
import { joinPath, lastPart, parentPath, resolvePath } from './resolve-path.js';
import type { FileAttributes, WrittenContent, WrittenEntry } from './written-entry.js';

/** One name as the layer and those below it show it. */
export interface MergedFile extends FileAttributes {
  path: string;
  /** The last part of the path, '' for the root. */
  name: string;
  /** The same for all names of one file, and for no other. */
  inode: string;
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

export class WritableTree {
  readonly #below: MergedTree;
  readonly #entries = new Map<string, WrittenEntry>();
  /** The names that this layer has in a directory, whiteouts among them. */
  readonly #names = new Map<string, Set<string>>();
  readonly #touched = new Set<string>();
  #lastInode = 0;

  constructor(below: MergedTree, entries: Iterable<WrittenEntry> = []) {
    this.#below = below;
    for (const entry of entries) {
      this.#index(entry);
      this.#lastInode = Math.max(this.#lastInode, entry.inode ?? 0);
    }
  }

  /** The entry of a clean path as it stands: no symlink is followed. */
  find(path: string): MergedFile | null {
    const written = this.#entries.get(path);
    if (written !== undefined) return written.type === 'whiteout' ? null : mergedWritten(written, written.type);
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
    const own = this.#names.get(dir);
    const isHidden = this.#hides(joinPath(dir, '*'));
    const names = new Set(isHidden ? [] : (this.#below.list(dir) ?? []).map(({ name }) => name));
    for (const name of own ?? []) names.add(name);
    return [...names].sort().flatMap((name) => this.find(joinPath(dir, name)) ?? []);
  }

  /** The entry of a path and everything below, each directory before its content, by name. */
  *walk(from = ''): Generator<MergedFile> {
    const start = this.find(from);
    const open = start === null ? [] : [start];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      yield next;
      if (next.type === 'directory') open.push(...(this.list(next.path) ?? []).reverse());
    }
  }

  /**
   * Gives a path a new file, in the place of what is there; a directory that is there keeps its content and gets the
   * attributes. The parent must be a directory.
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
    this.#set({ ...file, path, opaque, covers: below !== null, inode: file.inode ?? null });
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
    for (const below of this.#writtenBelow(path)) this.#drop(below);
    const covered = this.#below.find(path) !== null;
    if (covered && !this.#hides(path)) this.#set({ ...whiteout, path, covers: true, mtimeMs: nowMs });
    else this.#drop(path);
  }

  /** Sets the time of a directory that is there. */
  setTime(path: string, mtimeMs: number): void {
    const found = this.find(path);
    if (found !== null) this.#set({ ...this.#copyUp(found), mtimeMs });
  }

  /** What this layer has, each directory before its content, by name. */
  entries(): WrittenEntry[] {
    return [...this.#entries.values()].sort((a, b) => comparePaths(a.path, b.path));
  }

  /** The paths whose entries were set or dropped since this tree was made. */
  touched(): { put: WrittenEntry[]; dropped: string[] } {
    const put: WrittenEntry[] = [];
    const dropped: string[] = [];
    for (const path of this.#touched) {
      const entry = this.#entries.get(path);
      if (entry === undefined) dropped.push(path);
      else put.push(entry);
    }
    return { put, dropped };
  }

  /** Bytes of the files in this layer, each file once, and of the texts of symlinks. */
  sizeBytes(): number {
    const seen = new Set<number>();
    let total = 0;
    for (const { type, inode, sizeBytes, linkTarget } of this.#entries.values()) {
      if (inode !== null && seen.has(inode)) continue;
      if (inode !== null) seen.add(inode);
      if (type === 'file') total += sizeBytes;
      else if (type === 'symlink') total += Buffer.byteLength(linkTarget ?? '');
    }
    return total;
  }

  /** What differs from the layers below, as `docker diff` lists it. */
  changes(): PathChange[] {
    return listChanges(this.entries(), (dir) => (this.#below.list(dir) ?? []).map(({ name }) => name));
  }

  /** Whether this layer hides what the layers below have at a path, other than by an entry of the path itself. */
  #hides(path: string): boolean {
    for (let end = path.lastIndexOf('/'); ; end = path.lastIndexOf('/', end - 1)) {
      const dir = this.#entries.get(path.slice(0, Math.max(end, 0)));
      if (dir !== undefined && path !== '' && (dir.type !== 'directory' || dir.opaque)) return true;
      if (end <= 0) return false;
    }
  }

  /** The parent gets an entry of its own, with all above it, and the time of the change. */
  #touchParent(path: string, nowMs: number): void {
    const dir = parentPath(path);
    const found = this.find(dir);
    if (found === null) throw new Error(`${dir} is not there`);
    this.#set({ ...this.#copyUp(found), mtimeMs: nowMs });
  }

  /** The entry of what is there, with all directories above it. */
  #copyUp(found: MergedFile): WrittenEntry {
    if ('written' in found.from) return found.from.written;
    const { path, name: _, inode: __, from, ...attributes } = found;
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
    this.#index(entry);
    this.#touched.add(entry.path);
  }

  #index(entry: WrittenEntry): void {
    this.#entries.set(entry.path, entry);
    if (entry.path === '') return;
    const dir = parentPath(entry.path);
    const names = this.#names.get(dir) ?? new Set();
    names.add(lastPart(entry.path));
    this.#names.set(dir, names);
  }

  #drop(path: string): void {
    this.#entries.delete(path);
    this.#names.get(parentPath(path))?.delete(lastPart(path));
    this.#touched.add(path);
  }

  #writtenBelow(path: string): string[] {
    const found: string[] = [];
    const open = [path];
    for (let dir = open.pop(); dir !== undefined; dir = open.pop()) {
      for (const name of this.#names.get(dir) ?? []) {
        found.push(joinPath(dir, name));
        open.push(joinPath(dir, name));
      }
    }
    return found;
  }

  #newInode(): number {
    this.#lastInode += 1;
    return this.#lastInode;
  }
}

/**
 * What written entries change, each directory before its content: everything but the root that is written. Of an opaque
 * directory, what it hides and does not have is gone; `namesBelow` lists a directory of the layers below.
 */
export function listChanges(
  entries: readonly WrittenEntry[],
  namesBelow: (dir: string) => readonly string[],
): PathChange[] {
  const written = new Set(entries.map(({ path }) => path));
  const changes: PathChange[] = [];
  for (const { path, type, covers, opaque } of entries) {
    if (path !== '') changes.push({ path, kind: type === 'whiteout' ? 'deleted' : covers ? 'changed' : 'added' });
    if (!opaque) continue;
    const gone = namesBelow(path).map((name) => joinPath(path, name));
    changes.push(
      ...gone.filter((hidden) => !written.has(hidden)).map((hidden): PathChange => ({ path: hidden, kind: 'deleted' })),
    );
  }
  return changes.sort((a, b) => comparePaths(a.path, b.path));
}

/** The order of a walk: a directory before its content, its content before what follows it. */
export function comparePaths(a: string, b: string): number {
  const end = Math.min(a.length, b.length);
  for (let i = 0; i < end; i++) {
    const [one, other] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (one !== other) return one === slash ? -1 : other === slash ? 1 : one - other;
  }
  return a.length - b.length;
}

const slash = '/'.charCodeAt(0);

function mergedWritten(written: WrittenEntry, type: FileAttributes['type']): MergedFile {
  const { path, mode, uid, gid, sizeBytes, mtimeMs, linkTarget, device, xattrs, inode } = written;
  const attributes = { type, mode, uid, gid, sizeBytes, mtimeMs, linkTarget, device, xattrs };
  const key = inode === null ? `path ${path}` : `written ${inode}`;
  return { ...withLinkMode(attributes), path, name: lastPart(path), inode: key, from: { written } };
}

function mergedBelow(below: TreeEntry): MergedFile {
  const { mode, uid, gid, sizeBytes, mtimeMs, linkTarget, device, xattrs, type } = below.entry;
  const plain = type === 'link' || type === 'whiteout' || type === 'opaque' ? 'file' : type;
  const attributes = { type: plain, mode, uid, gid, sizeBytes, mtimeMs, linkTarget, device, xattrs };
  const inode = `below ${below.inode}`;
  return { ...withLinkMode(attributes), path: below.path, name: below.name, inode, from: { below } };
}

/** Whatever a tar says, a symlink has no permissions of its own. */
function withLinkMode(attributes: FileAttributes): FileAttributes {
  return attributes.type === 'symlink' ? { ...attributes, mode: 0o777 } : attributes;
}

const whiteout: Omit<WrittenEntry, 'path' | 'covers' | 'mtimeMs'> = {
  ...{ type: 'whiteout', opaque: false, mode: 0, uid: 0, gid: 0, sizeBytes: 0 },
  ...{ linkTarget: null, device: null, xattrs: {}, inode: null, content: null },
};
