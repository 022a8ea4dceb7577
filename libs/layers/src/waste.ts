/**
 * Waste as dive counts it (github.com/wagoodman/dive): a path that several layers hold is waste with all its bytes, a
 * removed directory with the bytes it had; the score is the least that each path needs over what it takes. Beside that,
 * the same content under several paths of the finished tree, which dive does not look for.
 */
import type { IndexEntry } from './index-entry.js';
import { MergedTree } from './merged-tree.js';

/** A path that several layers hold. */
export interface WastedPath {
  path: string;
  /** In how many layers it is, removals included. */
  layers: number;
  wastedBytes: number;
}

/** One content under several paths. */
export interface DuplicateContent {
  sha256: string;
  sizeBytes: number;
  copies: number;
  /** Of all copies but one. */
  wastedBytes: number;
  /** Some of the paths. */
  paths: string[];
}

export interface WasteReport {
  /** 1 when nothing is wasted. */
  efficiency: number;
  wastedBytes: number;
  /** Bytes in files of all layers, and of those above the lowest one. */
  sizeBytes: number;
  userBytes: number;
  duplicateBytes: number;
  /** Greatest first. */
  paths: WastedPath[];
  duplicates: DuplicateContent[];
}

const shownPaths = 5;

interface Seen {
  layers: number;
  totalBytes: number;
  leastBytes: number;
}

/** Reads the indexes of a stack, the lowest first; lists at most `limit` paths and contents each. */
export async function measureWaste(
  layers: Iterable<AsyncIterable<IndexEntry>>,
  { limit }: { limit: number },
): Promise<WasteReport> {
  const tree = new MergedTree();
  const seen = new Map<string, Seen>();
  const layerBytes: number[] = [];
  for (const layer of layers) {
    const entries: IndexEntry[] = [];
    for await (const entry of layer) entries.push(entry);
    layerBytes.push(countLayer(entries, tree, seen));
    await tree.add(entries);
  }
  const sizeBytes = layerBytes.reduce((sum, bytes) => sum + bytes, 0);
  return { ...score(seen, limit), sizeBytes, userBytes: sizeBytes - (layerBytes[0] ?? 0), ...findCopies(tree, limit) };
}

function countLayer(entries: readonly IndexEntry[], below: MergedTree, seen: Map<string, Seen>): number {
  const last = new Map<string, IndexEntry>();
  const parents = new Set<string>();
  for (const entry of entries) {
    if (entry.type === 'opaque') continue;
    last.set(entry.path, entry);
    const slash = entry.path.lastIndexOf('/');
    parents.add(slash === -1 ? '' : entry.path.slice(0, slash));
  }
  let total = 0;
  for (const [path, entry] of last) {
    if (parents.has(path)) continue;
    const bytes = entry.type === 'whiteout' ? removedBytes(below, path) : entry.sizeBytes;
    if (entry.type !== 'whiteout') total += bytes;
    const before = seen.get(path);
    if (!before) {
      seen.set(path, { layers: 1, totalBytes: bytes, leastBytes: bytes });
      continue;
    }
    before.layers += 1;
    before.totalBytes += bytes;
    before.leastBytes = Math.min(before.leastBytes, bytes);
  }
  return total;
}

/** Of a file nothing: its bytes count where it came from, as a path of two layers. */
function removedBytes(below: MergedTree, path: string): number {
  if (below.find(path)?.entry.type !== 'directory') return 0;
  let bytes = 0;
  for (const { entry } of below.walk(path)) bytes += entry.sizeBytes;
  return bytes;
}

function score(
  seen: ReadonlyMap<string, Seen>,
  limit: number,
): Pick<WasteReport, 'efficiency' | 'wastedBytes' | 'paths'> {
  let least = 0;
  let total = 0;
  let wastedBytes = 0;
  const paths: WastedPath[] = [];
  for (const [path, { layers, totalBytes, leastBytes }] of seen) {
    least += leastBytes;
    total += totalBytes;
    if (layers < 2) continue;
    wastedBytes += totalBytes;
    if (totalBytes > 0) paths.push({ path, layers, wastedBytes: totalBytes });
  }
  paths.sort(byWaste((it) => it.path));
  return { efficiency: total === 0 ? 1 : least / total, wastedBytes, paths: paths.slice(0, limit) };
}

function findCopies(tree: MergedTree, limit: number): Pick<WasteReport, 'duplicateBytes' | 'duplicates'> {
  const found = new Map<string, DuplicateContent>();
  const inodes = new Set<number>();
  for (const { path, entry, inode } of tree.walk()) {
    if (entry.type !== 'file' || entry.sha256 === null || entry.sizeBytes === 0 || inodes.has(inode)) continue;
    inodes.add(inode);
    const content = found.get(entry.sha256);
    if (!content) {
      const { sha256, sizeBytes } = entry;
      found.set(sha256, { sha256, sizeBytes, copies: 1, wastedBytes: 0, paths: [path] });
      continue;
    }
    content.copies += 1;
    content.wastedBytes += content.sizeBytes;
    if (content.paths.length < shownPaths) content.paths.push(path);
  }
  const duplicates = [...found.values()].filter(({ copies }) => copies > 1).sort(byWaste((it) => it.sha256));
  const duplicateBytes = duplicates.reduce((sum, { wastedBytes }) => sum + wastedBytes, 0);
  return { duplicateBytes, duplicates: duplicates.slice(0, limit) };
}

function byWaste<T extends { wastedBytes: number }>(key: (it: T) => string): (a: T, b: T) => number {
  return (a, b) => b.wastedBytes - a.wastedBytes || (key(a) < key(b) ? -1 : 1);
}
