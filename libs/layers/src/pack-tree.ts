import type { IndexEntry } from './index-entry.js';
import type { TreeEntry } from './merged-tree.js';
import { contentTurn, inReadingOrder, type Turn } from './reading-order.js';
import type { StoredTar } from './stored-tar.js';
import { TarFileReader } from './tar-file-reader.js';
import { tarEnd, tarPadding, writeTarHeader } from './tar-writer.js';

export interface PackOptions {
  /** A stored layer; only those are asked for that hold a file of the tar, each once. */
  layerAt(layer: number): StoredTar;
  /** What an entry is called in the tar, without a slash at the end; null leaves it out. */
  nameOf?(path: string): string | null;
}

/** An entry of the tar, under its name there. */
interface PackedItem {
  name: string;
  entry: IndexEntry;
  /** Where its content is. */
  layer: number | null;
}

/**
 * A tar of entries of a tree, which are gone through several times: first what has no content, each directory before
 * what is in it, then the files of each layer in the order of the layer, so that every layer is read once, then further
 * names of files as hard links.
 */
export async function* packTree(entries: () => Iterable<TreeEntry>, options: PackOptions): AsyncGenerator<Buffer> {
  const reader = new TarFileReader();
  const tars = new Map<number, StoredTar>();
  const tarOf = (layer: number): StoredTar => {
    const tar = tars.get(layer) ?? options.layerAt(layer);
    tars.set(layer, tar);
    return tar;
  };
  const items = function* (): Generator<PackedItem> {
    for (const item of itemsOf(entries(), options)) {
      if (item.layer !== null) reader.announce({ tar: tarOf(item.layer), entry: item.entry });
      yield item;
    }
  };
  try {
    for await (const { name, entry, layer } of inReadingOrder(items, turnOf)) {
      yield headerOf(entry, name);
      if (layer === null) continue;
      yield* reader.read({ tar: tarOf(layer), entry });
      yield tarPadding(entry.sizeBytes);
    }
  } finally {
    await reader.close();
  }
  yield tarEnd;
}

function* itemsOf(
  entries: Iterable<TreeEntry>,
  { nameOf = (path: string): string | null => (path === '' ? '.' : path) }: PackOptions,
): Generator<PackedItem> {
  const names = new Map<number, string>();
  for (const { path, entry, layer, inode, isShared } of entries) {
    const name = nameOf(path);
    // A link to what is nowhere has nothing to give.
    if (name === null || entry.type === 'link') continue;
    if (entry.type !== 'file' || entry.storedBytes === 0) {
      // Sockets are files without content.
      yield { name, entry, layer: null };
      continue;
    }
    const first = isShared ? names.get(inode) : undefined;
    if (isShared && first === undefined) names.set(inode, name);
    if (first === undefined) yield { name, entry, layer };
    else yield { name, entry: { ...entry, type: 'link', sizeBytes: 0, linkTarget: first }, layer: null };
  }
}

function turnOf({ entry, layer }: PackedItem): Turn {
  if (layer !== null) return contentTurn(layer, entry.offsetBytes);
  return entry.type === 'link' ? 'last' : 'first';
}

function headerOf(entry: IndexEntry, name: string): Buffer {
  const { type } = entry;
  if (type === 'whiteout' || type === 'opaque') throw new Error(`a tree has no ${type}`);
  return writeTarHeader({ ...entry, type, name: type === 'directory' ? `${name}/` : name });
}
