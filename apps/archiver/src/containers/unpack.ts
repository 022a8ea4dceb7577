// The rules by which a daemon unpacks an archive into a directory of a container (moby's pkg/archive, Unpack), on a tree
// of rows: entries replace what is there, directories are merged, and nothing leads out of the directory by its name or
// out of the tree by a symlink. Unlike a daemon, whiteouts in the archive remove what they name.
import { posix } from 'node:path';
import {
  bytesOfText,
  type FileAttributes,
  joinPath,
  lastPart,
  type MergedFile,
  type NewFile,
  Pause,
  parentPath,
  parseWhiteout,
  type WritableTree,
} from '@entrepot/layers';
import { ContainerPathError } from './errors.js';
import { makeDirectories } from './make-directories.js';
import type { StagedEntry } from './stage-archive.js';

/** How an archive is unpacked. */
export interface UnpackOptions {
  /** Refuses to replace a directory by something else, and the other way round. */
  keepKinds: boolean;
  /** Whom everything belongs to; else it is what the archive says. */
  owner?: { uid: number; gid: number };
  nowMs: number;
}

/**
 * Unpacks an archive into a directory, whose path has no symlinks in it.
 *
 * @throws {ContainerPathError} in the words of a daemon; the tree is then to be thrown away
 */
export async function unpack(
  tree: WritableTree,
  dir: string,
  entries: Iterable<StagedEntry>,
  options: UnpackOptions,
): Promise<void> {
  const times: [path: string, mtimeMs: number][] = [];
  const pause = new Pause();
  /** The directory of the entry before, as the archive names it, and where it is. */
  const last = { dir: null as string | null, path: '' };
  for (const entry of entries) {
    if (pause.isDue) await pause.take();
    const name = insideOf(dir, entry.path);
    // The directory itself stays as it is.
    if (name === '') continue;
    const parent = parentPath(name);
    if (last.dir !== parent) {
      last.path = makeDirectories(tree, joinPath(dir, parent), options.nowMs);
      last.dir = parent;
    }
    const path = joinPath(last.path, lastPart(name));
    const before = tree.find(path);
    // What is there may be on the way to the directory.
    if (before !== null || lastPart(name).startsWith('.wh.')) last.dir = null;
    if (removeWhiteout(tree, path, options.nowMs)) continue;
    place(tree, path, { dir, name, entry, before }, options);
    if (entry.type === 'directory') times.push([path, entry.mtimeMs]);
  }
  // What was put into a directory has changed its time.
  for (const [path, mtimeMs] of times) if (tree.find(path)?.type === 'directory') tree.setTime(path, mtimeMs);
}

interface Placed {
  dir: string;
  name: string;
  entry: StagedEntry;
  /** What is there. */
  before: MergedFile | null;
}

function place(tree: WritableTree, path: string, placed: Placed, { keepKinds, owner, nowMs }: UnpackOptions): void {
  const { entry, dir, name, before } = placed;
  if (keepKinds && before !== null) refuseOtherKind(before, placed);
  if (entry.type === 'link') {
    linkTo(tree, path, placed, nowMs);
    return;
  }
  if (entry.type === 'symlink') {
    refuseTarget(path, entry.linkTarget ?? '');
    refuseOutside(dir, posix.join('/', dir, parentPath(name), entry.linkTarget ?? ''), () => {
      return `invalid symlink "/${joinPath(dir, name)}" -> ${quoted(entry.linkTarget)}`;
    });
  }
  tree.put(path, fileOf(entry, entry.type, owner), nowMs);
}

/** Of Linux. */
const maxNameBytes = 255;
const maxTargetBytes = 4095;

/** A name relative to the directory; '' is the directory. */
function insideOf(dir: string, name: string): string {
  if (name.includes('\0')) throw new ContainerPathError(400, `invalid name ${quoted(name)}`);
  const clean = posix.normalize(name);
  const path = posix.join('/', clean).slice(1).replace(/\/$/, '');
  if (clean === '..' || clean.startsWith('../')) {
    throw new ContainerPathError(400, `${quoted(name)} is outside of "/${dir}"`);
  }
  if (path.length > maxNameBytes / 3 && path.split('/').some((part) => bytesOfText(part).length > maxNameBytes)) {
    throw new ContainerPathError(500, `open /${joinPath(dir, path)}: file name too long`);
  }
  return path;
}

/** What no Linux would take, whoever gets the image. */
function refuseTarget(path: string, target: string): void {
  const reason = target === '' ? 'no such file or directory' : 'file name too long';
  if (target !== '' && bytesOfText(target).length <= maxTargetBytes) return;
  throw new ContainerPathError(500, `symlink ${target} /${path}: ${reason}`);
}

function removeWhiteout(tree: WritableTree, path: string, nowMs: number): boolean {
  if (!lastPart(path).startsWith('.wh.')) return false;
  const whiteout = parseWhiteout(path);
  if (whiteout?.kind === 'whiteout') tree.remove(whiteout.target, nowMs);
  if (whiteout?.kind === 'opaque')
    for (const { path: child } of tree.list(whiteout.dir) ?? []) tree.remove(child, nowMs);
  return true;
}

function refuseOtherKind(before: MergedFile, { dir, name, entry }: Placed): void {
  const [was, is] = [before.type === 'directory', entry.type === 'directory'];
  if (was === is) return;
  const [from, to] = was ? ['directory', 'non-directory'] : ['non-directory', 'directory'];
  throw new ContainerPathError(500, `cannot overwrite ${from} ${quoted(name)} with ${to} "/${dir}"`);
}

/** The target of a hard link is a name in the archive, so it counts from the directory. */
function linkTo(tree: WritableTree, path: string, { dir, entry }: Placed, nowMs: number): void {
  const full = posix.join('/', dir, entry.linkTarget ?? '');
  refuseOutside(dir, full, () => `invalid hardlink ${quoted(full)} -> ${quoted(entry.linkTarget)}`);
  const target = tree.find(tree.resolve(full, { keepLast: true }));
  if (target === null || target.type === 'directory') {
    const reason = target === null ? 'no such file or directory' : 'operation not permitted';
    throw new ContainerPathError(500, `link ${full} /${path}: ${reason}`);
  }
  if (target.path !== path) tree.link(path, target, nowMs);
}

function refuseOutside(dir: string, target: string, message: () => string): void {
  const root = `/${dir}`;
  if (target !== root && !target.startsWith(dir === '' ? '/' : `${root}/`))
    throw new ContainerPathError(400, message());
}

function fileOf(
  { uid, gid, mode, mtimeMs, sizeBytes, linkTarget, device, xattrs, content }: StagedEntry,
  type: FileAttributes['type'],
  owner: UnpackOptions['owner'],
): NewFile {
  const target = type === 'symlink' ? (linkTarget ?? '') : null;
  return { type, mode, mtimeMs, sizeBytes, linkTarget: target, device, xattrs, content, ...(owner ?? { uid, gid }) };
}

const quoted = (text: string | null): string => JSON.stringify(text ?? '');
