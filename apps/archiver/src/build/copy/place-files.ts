import {
  FileTable,
  type IndexEntry,
  joinPath,
  type MergedTree,
  parentPath,
  pathParts,
  type StoredTar,
  type TarFile,
  type TreeEntry,
  WritableTree,
} from '@entrepot/layers';
import { BuildError } from '../errors.js';
import type { CopySource } from './find-sources.js';
import type { ArchiveFiles } from './read-archive.js';

/** Who owns what is copied, and with which mode. */
export interface PlaceOptions {
  /** Null keeps the owners that files have. */
  owner: Owner | null;
  mode: number | null;
  nowMs: number;
}

export interface Owner {
  uid: number;
  gid: number;
}

/** The layer that a COPY or ADD makes: what it changes on top of a tree, and where the contents come from. */
export class NewLayer {
  readonly tree: WritableTree;
  /** The files that are copied, each with the place of its tar among `#tars`, from 1. */
  readonly #contents = new FileTable({ hashes: false });
  readonly #tars: StoredTar[] = [];

  constructor(below: MergedTree) {
    this.tree = new WritableTree(below);
  }

  /** Where the content is that an entry of the tree names. */
  contentOf(key: string): TarFile {
    const file = Number(key);
    return { tar: this.#tars[this.#contents.layerOf(file) - 1] as StoredTar, entry: this.#contents.entryOf(file) };
  }

  /** Copies a file, or what is in a directory, as a daemon does. @throws {BuildError} */
  copy({ files, found, name }: CopySource, destination: string, options: PlaceOptions): void {
    const at = this.tree.resolve(destination);
    const existing = this.tree.find(at);
    if (found.entry.type === 'directory') {
      const isNew = existing === null;
      this.makeDirectories(at, null, options.nowMs);
      const { owner, mode } = options;
      if (isNew && (owner !== null || mode !== null)) this.#describe(at, { ...owner, ...(mode !== null && { mode }) });
      this.#copyBelow(files.tree, found.path, at, (entry) => files.sourceOf(entry), options);
      return;
    }
    const isInside = destination.endsWith('/') || existing?.type === 'directory';
    const path = isInside ? joinPath(at, name) : at;
    this.makeDirectories(parentPath(path), options.owner, options.nowMs);
    this.#put(path, found.entry, files.sourceOf(found), options);
  }

  /** Unpacks an archive into a directory; its entries keep owners and modes. @throws {BuildError} */
  unpack({ tree, sourceOf }: ArchiveFiles, destination: string, nowMs: number): void {
    const at = this.tree.resolve(destination);
    this.makeDirectories(at, null, nowMs);
    this.#copyBelow(tree, '', at, sourceOf, { owner: null, mode: null, nowMs });
  }

  /** Makes a directory and those above it where they are missing. @throws {BuildError} something else is there */
  makeDirectories(path: string, owner: Owner | null, nowMs: number): void {
    let at = '';
    for (const part of pathParts(path)) {
      at = joinPath(at, part);
      const found = this.tree.find(at);
      if (found === null) this.tree.put(at, { ...plainDirectory, ...owner, mtimeMs: nowMs }, nowMs);
      else if (found.type !== 'directory') throw new BuildError(400, `mkdir /${at}: not a directory`);
    }
  }

  /** Everything below a directory; its own attributes stay behind, as with a daemon. */
  #copyBelow(
    from: MergedTree,
    top: string,
    to: string,
    sourceOf: (entry: TreeEntry) => TarFile,
    options: PlaceOptions,
  ): void {
    const names = new Map<number, string>();
    const directories: [path: string, mtimeMs: number][] = [];
    for (const found of from.walk(top)) {
      if (found.path === top) continue;
      const path = joinPath(to, top === '' ? found.path : found.path.slice(top.length + 1));
      const isDirectory = found.entry.type === 'directory';
      const first = isDirectory ? undefined : names.get(found.inode);
      const target = first === undefined ? null : this.tree.find(first);
      if (target !== null) this.tree.link(path, target, options.nowMs);
      else this.#put(path, found.entry, sourceOf(found), options);
      if (isDirectory) directories.push([path, found.entry.mtimeMs]);
      else if (first === undefined) names.set(found.inode, path);
    }
    // What was put into them gave them the time of now.
    for (const [path, mtimeMs] of directories) this.tree.setTime(path, mtimeMs);
  }

  #put(path: string, entry: IndexEntry, source: TarFile, { owner, mode, nowMs }: PlaceOptions): void {
    if (/^\.wh\./.test(path.slice(path.lastIndexOf('/') + 1))) {
      throw new BuildError(400, `/${path}: a layer cannot hold a file whose name begins with .wh.`);
    }
    const { type, linkTarget, device, mtimeMs } = entry;
    if (type === 'link' || type === 'whiteout' || type === 'opaque') throw new Error(`/${path} is no file`);
    const content = type === 'file' ? { kind: 'kept' as const, path: this.#keep(source) } : null;
    const attributes = {
      uid: owner?.uid ?? entry.uid,
      gid: owner?.gid ?? entry.gid,
      ...modeAndXattrs(entry, owner, mode),
    };
    const sizeBytes = type === 'file' ? entry.sizeBytes : 0;
    this.tree.put(path, { ...attributes, type, sizeBytes, mtimeMs, linkTarget, device, content }, nowMs);
  }

  /** The key for `contentOf`. */
  #keep({ tar, entry }: TarFile): string {
    const known = this.#tars.lastIndexOf(tar);
    const layer = known === -1 ? this.#tars.push(tar) : known + 1;
    return String(this.#contents.add(entry, { layer, home: 0, keepPath: true }));
  }

  #describe(path: string, attributes: { uid?: number; gid?: number; mode?: number }): void {
    const found = this.tree.find(path);
    if (found === null) return;
    const { type, mode, uid, gid, sizeBytes, mtimeMs, linkTarget, device, xattrs } = found;
    const plain = { type, mode, uid, gid, sizeBytes, mtimeMs, linkTarget, device, xattrs };
    this.tree.put(path, { ...plain, ...attributes, content: null }, mtimeMs);
  }
}

function modeAndXattrs(entry: IndexEntry, owner: Owner | null, mode: number | null) {
  const { type, xattrs } = entry;
  if (type === 'symlink') return { mode: 0o777, xattrs };
  if (mode !== null) return { mode, xattrs };
  return owner === null ? { mode: entry.mode, xattrs } : afterChown(entry);
}

/** The kernel takes setuid, setgid and capabilities away from a file that is given to somebody. */
function afterChown({ type, mode, xattrs }: IndexEntry) {
  if (type !== 'file') return { mode, xattrs };
  const { 'security.capability': _, ...kept } = xattrs;
  const setgid = (mode & 0o010) === 0 ? mode & 0o2000 : 0;
  return { mode: (mode & 0o1777) | setgid, xattrs: kept };
}

const plainDirectory = {
  ...{ type: 'directory' as const, mode: 0o755, uid: 0, gid: 0, sizeBytes: 0 },
  ...{ linkTarget: null, device: null, xattrs: {}, content: null },
};
