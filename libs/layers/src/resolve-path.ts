import { SymlinkLoopError } from './errors.js';

/** How a tree answers what is at a clean path: the text of a symlink, or null for everything else. */
export type SymlinkLookup = (path: string) => string | null;

const maxSymlinks = 255;

/**
 * Where a path leads, symlinks followed as if the tree were the root directory: nothing leads out of it. What does not
 * exist keeps its name. With `keepLast` the last part is not followed.
 *
 * @throws {SymlinkLoopError} more than 255 symlinks
 */
export function resolvePath(symlinkAt: SymlinkLookup, path: string, options: { keepLast?: boolean } = {}): string {
  const missing = pathParts(path).reverse();
  const done: string[] = [];
  let symlinks = 0;
  for (let part = missing.pop(); part !== undefined; part = missing.pop()) {
    if (part === '..') {
      done.pop();
      continue;
    }
    done.push(part);
    if (missing.length === 0 && options.keepLast) break;
    const target = symlinkAt(done.join('/'));
    if (target === null) continue;
    symlinks += 1;
    if (symlinks > maxSymlinks) throw new SymlinkLoopError(path);
    if (target.startsWith('/')) done.length = 0;
    else done.pop();
    missing.push(...pathParts(target).reverse());
  }
  return done.join('/');
}

/** The parts of a path that mean something. */
export function pathParts(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

/** A name below a clean directory, whose path is '' for the root. */
export function joinPath(dir: string, name: string): string {
  return dir === '' ? name : `${dir}/${name}`;
}

/** The directory of a clean path; '' for the root. */
export function parentPath(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 0));
}

/** The last part of a clean path. */
export function lastPart(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
