import type { IndexEntry } from './index-entry.js';
import type { TreeEntry } from './merged-tree.js';
import { readTarFiles } from './read-tar-files.js';
import type { StoredTar } from './stored-tar.js';
import { tarEnd, tarPadding, writeTarHeader } from './tar-writer.js';

export interface PackOptions {
  /** A stored layer; only those are asked for that hold a file of the tar, each once. */
  layerAt(layer: number): Promise<StoredTar>;
  /** What an entry is called in the tar, without a slash at the end; null leaves it out. */
  nameOf?(path: string): string | null;
}

/**
 * A tar of entries of a tree: first what has no content, each directory before what is in it, then the files of each
 * layer in the order of the layer, so that every layer is read once, then further names of files as hard links.
 */
export async function* packTree(entries: Iterable<TreeEntry>, options: PackOptions): AsyncGenerator<Buffer> {
  const nameOf = options.nameOf ?? ((path: string) => (path === '' ? '.' : path));
  const files = new Map<number, Map<number, TreeEntry[]>>();
  for (const found of entries) {
    const name = nameOf(found.path);
    if (name === null) continue;
    if (found.entry.type === 'file' && found.entry.storedBytes > 0)
      namesOf(files, found).push({ ...found, path: name });
    // A link to what is nowhere has nothing to give; sockets of the kind `unknown` are files without content.
    else if (found.entry.type !== 'link') yield* headerOf(found.entry, name);
  }
  for (const [layer, inodes] of [...files].sort(([a], [b]) => a - b)) yield* packFiles(layer, inodes, options);
  for (const inodes of files.values()) yield* packLinks(inodes.values());
  yield tarEnd;
}

async function* packFiles(
  layer: number,
  inodes: ReadonlyMap<number, readonly TreeEntry[]>,
  { layerAt }: PackOptions,
): AsyncGenerator<Buffer> {
  const names = new Map<IndexEntry, string>();
  for (const [first] of inodes.values()) if (first) names.set(first.entry, first.path);
  for await (const [entry, content] of readTarFiles(await layerAt(layer), names.keys())) {
    yield* headerOf(entry, names.get(entry) ?? entry.path);
    yield* content;
    yield tarPadding(entry.sizeBytes);
  }
}

function* packLinks(inodes: Iterable<readonly TreeEntry[]>): Generator<Buffer> {
  for (const [first, ...others] of inodes) {
    for (const { entry, path } of others) {
      const link = { ...entry, type: 'link' as const, sizeBytes: 0, linkTarget: first?.path ?? '' };
      yield* headerOf(link, path);
    }
  }
}

function* headerOf(entry: IndexEntry, name: string): Generator<Buffer> {
  const { type } = entry;
  if (type === 'whiteout' || type === 'opaque') return;
  yield writeTarHeader({ ...entry, type, name: type === 'directory' ? `${name}/` : name });
}

function namesOf(files: Map<number, Map<number, TreeEntry[]>>, { layer, inode }: TreeEntry): TreeEntry[] {
  const inodes = files.get(layer) ?? new Map<number, TreeEntry[]>();
  files.set(layer, inodes);
  const names = inodes.get(inode) ?? [];
  inodes.set(inode, names);
  return names;
}
