import { Greatest } from './greatest.js';
import type { MergedTree, TreeEntry } from './merged-tree.js';
import { Pause } from './pause.js';

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

const shownPaths = 5;

/**
 * Contents that several files of a tree have, hard links counted once; the greatest `limit`, and the bytes of all. Goes
 * through the tree twice, so that only those are held that may have a copy.
 */
export async function findDuplicates(
  tree: MergedTree,
  limit: number,
): Promise<{ duplicateBytes: number; duplicates: DuplicateContent[] }> {
  const [once, twice] = [new HashSet(), new HashSet()];
  for await (const { sha256 } of contentsOf(tree)) if (!once.add(sha256)) twice.add(sha256);
  const found = new Map<string, DuplicateContent>();
  for await (const { sha256, sizeBytes, path } of contentsOf(tree)) {
    if (!twice.has(sha256)) continue;
    const content = found.get(sha256);
    if (content === undefined) {
      found.set(sha256, { sha256, sizeBytes, copies: 1, wastedBytes: 0, paths: [path] });
      continue;
    }
    content.copies += 1;
    content.wastedBytes += content.sizeBytes;
    if (content.paths.length < shownPaths) content.paths.push(path);
  }
  const greatest = new Greatest<DuplicateContent>(limit, ({ sha256 }) => sha256);
  let duplicateBytes = 0;
  for (const content of found.values()) {
    duplicateBytes += content.wastedBytes;
    if (content.copies > 1 && greatest.wants(content.wastedBytes)) greatest.add(content);
  }
  return { duplicateBytes, duplicates: greatest.take() };
}

async function* contentsOf(tree: MergedTree): AsyncGenerator<{ sha256: string; sizeBytes: number; path: string }> {
  const pause = new Pause();
  const shared = new Set<number>();
  for (const found of tree.walk()) {
    if (pause.isDue) await pause.take();
    const { sha256, sizeBytes, type } = found.entry;
    if (type !== 'file' || sha256 === null || sizeBytes === 0 || isKnown(shared, found)) continue;
    yield { sha256, sizeBytes, path: found.path };
  }
}

function isKnown(shared: Set<number>, { inode, isShared }: TreeEntry): boolean {
  if (!isShared) return false;
  if (shared.has(inode)) return true;
  shared.add(inode);
  return false;
}

/** A set that may have a hash it was not given, and never lacks one that it was: one bit for the beginning of each. */
class HashSet {
  readonly #bits = new Uint8Array(2 ** 22);

  /** False when it has it. */
  add(sha256: string): boolean {
    if (this.has(sha256)) return false;
    const { byte, bit } = placeOf(sha256);
    this.#bits[byte] = (this.#bits[byte] ?? 0) | bit;
    return true;
  }

  has(sha256: string): boolean {
    const { byte, bit } = placeOf(sha256);
    return ((this.#bits[byte] ?? 0) & bit) !== 0;
  }
}

/** 22 bits for the byte, 3 for the bit. */
function placeOf(sha256: string): { byte: number; bit: number } {
  const beginning = Number.parseInt(sha256.slice(0, 7), 16);
  return { byte: beginning >>> 6, bit: 1 << (beginning & 7) };
}
