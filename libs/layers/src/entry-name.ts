/**
 * Names in a tar come from strangers and must never leave the tree they describe. Layers carry them as `./a`, `a/` and
 * `/a` alike, so names are compared only after cleaning.
 */
import { UnsafePathError } from './errors.js';

/**
 * Strips leading `./` and `/`, doubled and closing slashes: `./usr//bin/` becomes `usr/bin`.
 *
 * @throws {UnsafePathError} `..`, NUL, or nothing left (the root itself)
 */
export function cleanEntryName(name: string): string {
  if (name.includes('\0')) throw new UnsafePathError(name, 'holds a NUL');
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw new UnsafePathError(name, 'leads out of its tree');
  if (parts.length === 0) throw new UnsafePathError(name, 'is empty');
  return parts.join('/');
}

/** Whether a name is the top of the tree, as in `./`; tars of a folder begin with it. */
export function isRootName(name: string): boolean {
  return /^[./]+$/.test(name) && !name.split('/').includes('..');
}
