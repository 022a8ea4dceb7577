/**
 * Names in an archive are only keys here, nothing is unpacked; yet a name that could leave a folder is never right, and
 * two spellings of one name must not be two files (CVE-2014-9356, CVE-2024-3727).
 */
import { cleanEntryName, UnsafePathError } from '@entrepot/layers';
import { InvalidArchiveError } from './errors.js';

/**
 * The clean form of an entry's name.
 *
 * @throws {InvalidArchiveError} absolute, leading out, or empty
 */
export function entryPath(name: string): string {
  if (name.startsWith('/')) throw new InvalidArchiveError(name, 'is an absolute name');
  try {
    return cleanEntryName(name);
  } catch (error) {
    throw error instanceof UnsafePathError ? new InvalidArchiveError(name, error.reason) : error;
  }
}

/**
 * Where a link at `path` leads. A symbolic link is relative to its folder, a hard link to the archive.
 *
 * @throws {InvalidArchiveError} absolute, or out of the archive
 */
export function linkedPath(path: string, target: string, kind: 'link' | 'symlink'): string {
  if (target.startsWith('/')) throw new InvalidArchiveError(path, 'is a link to an absolute name');
  const parts = kind === 'link' ? [] : path.split('/').slice(0, -1);
  for (const part of target.split('/')) {
    if (part === '..' && parts.pop() === undefined) throw new InvalidArchiveError(path, 'is a link out of the archive');
    if (part !== '' && part !== '.' && part !== '..') parts.push(part);
  }
  return parts.join('/');
}
