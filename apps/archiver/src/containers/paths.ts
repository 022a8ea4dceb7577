// How a daemon reads the paths of `docker cp`: from the root of the container, symlinks followed inside it, the last
// part left as it is unless a closing `/` or `/.` asks for what it leads to.
import { posix } from 'node:path';
import { type MergedFile, SymlinkLoopError, type WritableTree } from '@entrepot/layers';
import type { OpenContainer } from './container-trees.js';
import { ContainerPathError, noSuchPath } from './errors.js';
import { timeOf } from './tree-archive.js';

/** What a path of a client means. */
export interface FoundPath {
  file: MergedFile;
  /** The last part as the client wrote it: `/` for the root, `.` for what a closing `/.` names. */
  name: string;
  /** Of symlinks, where it leads, from the root of the container. */
  linkTarget: string;
}

/**
 * Finds what a client asks for; `containerName` is as it was typed.
 *
 * @throws {ContainerPathError}
 */
export function findPath(opened: OpenContainer, path: string, containerName: string): FoundPath {
  const { tree } = opened;
  const absolute = absolutePath(path);
  const follows = /(?:\/|\/\.)$/.test(absolute);
  const resolved = resolveIn(tree, absolute, { keepLast: !follows });
  const file = tree.find(resolved);
  if (file === null) throw noSuchPath(path, containerName);
  if (follows && file.type !== 'directory') throw new ContainerPathError(500, `lstat ${absolute}: not a directory`);
  return {
    file,
    name: absolute === '/' ? '/' : posix.basename(absolute),
    linkTarget: file.type === 'symlink' ? `/${resolveIn(tree, absolute)}` : '',
  };
}

/**
 * The directory that an archive is to be unpacked into.
 *
 * @throws {ContainerPathError}
 */
export function findTarget({ tree, container }: OpenContainer, path: string, containerName: string): string {
  const resolved = resolveIn(tree, absolutePath(path));
  const found = tree.find(resolved);
  if (found === null) throw noSuchPath(path, containerName);
  if (found.type !== 'directory') throw new ContainerPathError(400, 'extraction point is not a directory');
  if (container.hostConfig.ReadonlyRootfs === true) {
    throw new ContainerPathError(400, 'container rootfs is marked read-only');
  }
  return resolved;
}

/** `X-Docker-Container-Path-Stat`. */
export function statHeader(opened: OpenContainer, { file, name, linkTarget }: FoundPath): string {
  const size = file.type === 'directory' ? 4096 : file.type === 'symlink' ? file.linkTarget?.length : file.sizeBytes;
  const mtime = new Date(timeOf(opened, file)).toISOString();
  const stat = { name, size: size ?? 0, mode: goMode(file), mtime, linkTarget };
  return Buffer.from(JSON.stringify(stat)).toString('base64');
}

function resolveIn(tree: WritableTree, path: string, options: { keepLast?: boolean } = {}): string {
  try {
    return tree.resolve(path, options);
  } catch (error) {
    if (!(error instanceof SymlinkLoopError)) throw error;
    throw new ContainerPathError(500, `evalSymlinksInScope: too many links in ${posix.dirname(path)}`);
  }
}

/** From the root, cleaned as Go does, with the end that says what is meant. */
function absolutePath(path: string): string {
  const joined = posix.join('/', path);
  const clean = joined.length > 1 ? joined.replace(/\/$/, '') : joined;
  if (clean !== '/' && /\/$/.test(path)) return `${clean}/`;
  return /(?:^|\/)\.$/.test(path) ? `${clean === '/' ? '' : clean}/.` : clean;
}

/** Permissions as they are, and Go's own bits for what a file is. */
function goMode({ type, mode }: MergedFile): number {
  const special = (mode & 0o4000 ? 2 ** 23 : 0) + (mode & 0o2000 ? 2 ** 22 : 0) + (mode & 0o1000 ? 2 ** 20 : 0);
  return (mode & 0o777) + special + typeBits[type];
}

const typeBits: Readonly<Record<MergedFile['type'], number>> = {
  file: 0,
  directory: 2 ** 31,
  symlink: 2 ** 27,
  'block-device': 2 ** 26,
  'character-device': 2 ** 26 + 2 ** 21,
  fifo: 2 ** 25,
};
