import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import type { MergedTree, TreeEntry } from '@entrepot/layers';
import { BuildError } from '../errors.js';
import type { FileTree } from '../file-tree.js';
import { hasWildcards, matchesPath } from './match-path.js';

/** One thing to copy. */
export interface CopySource {
  files: FileTree;
  found: TreeEntry;
  /** What it was called, which names the copy; the file itself may be behind a symlink. */
  name: string;
  /** Equal for equal content, `file:…` or `dir:…`. */
  hash: string;
  /** An archive stays one, also for ADD. */
  keepPacked: boolean;
}

/**
 * What a source of COPY or ADD means: a file or directory, or all that match a pattern, in the order of a walk.
 *
 * @throws {BuildError} there is no such file
 */
export function findSources(files: FileTree, source: string): CopySource[] {
  const path = source.replace(/^\//, '').replace(/^\.\//, '');
  if (!hasWildcards(path)) return [findSource(files, path)];
  const matching: CopySource[] = [];
  for (const { path: at } of files.tree.walk()) {
    if (at !== '' && matchesPath(path, at)) matching.push(findSource(files, at));
  }
  return matching;
}

/** The hash that stands in the history: of several sources their hashes together. */
export function hashOfAll(sources: readonly CopySource[]): string {
  const [first, ...more] = sources;
  if (first !== undefined && more.length === 0) return first.hash;
  return `multi:${sha256(sources.map(({ hash }) => hash).join(','))}`;
}

function findSource(files: FileTree, path: string): CopySource {
  if (posix.normalize(path).startsWith('..')) {
    throw new BuildError(400, `forbidden path outside the build context: ${path} ()`);
  }
  const found = files.tree.find(files.tree.resolve(path));
  if (found === null) {
    const missing = `stat ${path}: file does not exist`;
    throw new BuildError(
      400,
      files.isContext ? `file not found in build context or excluded by .dockerignore: ${missing}` : missing,
    );
  }
  const name = posix.basename(posix.normalize(path));
  return { files, found, name, hash: hashOf(files.tree, found), keepPacked: false };
}

function hashOf(tree: MergedTree, found: TreeEntry): string {
  if (found.entry.type !== 'directory') return `file:${hashOfEntry(found, found.path)}`;
  const hash = createHash('sha256');
  for (const below of tree.walk(found.path)) hash.update(`${hashOfEntry(below, below.path)},`);
  return `dir:${hash.digest('hex')}`;
}

/** Whoever owns a file of a context and when it was changed does not count, as with a daemon. */
function hashOfEntry({ entry }: TreeEntry, path: string): string {
  const { type, mode, sizeBytes, linkTarget, device, xattrs, sha256: content } = entry;
  const attributes = Object.entries(xattrs).sort(([a], [b]) => (a < b ? -1 : 1));
  return sha256(JSON.stringify([path, type, mode, sizeBytes, linkTarget, device, attributes, content]));
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
