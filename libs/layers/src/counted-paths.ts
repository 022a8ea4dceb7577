// What the layers of a stack hold under each path, in numbers: a large stack has no room for an object for each.
import { LayerTooLargeError } from './errors.js';
import { Greatest } from './greatest.js';
import type { LayerEntries, MergedTree } from './merged-tree.js';
import { NameTable, root } from './name-table.js';
import { NumberColumn } from './number-column.js';
import { Pause } from './pause.js';

/** A path that several layers hold. */
export interface WastedPath {
  path: string;
  /** In how many layers it is, removals included. */
  layers: number;
  wastedBytes: number;
}

/** What is kept of each path beside its name. */
const countBytes = 36;

export class CountedPaths {
  readonly #names = new NameTable();
  /** By path: in how many layers it is, and the bytes it has in all of them and in the one where it has fewest. */
  readonly #layers = new NumberColumn();
  readonly #totalBytes = new SizeColumn();
  readonly #leastBytes = new SizeColumn();
  /** Twice the layer that had it last, from 1, one more where as a removal, with its bytes there. */
  readonly #last = new NumberColumn();
  readonly #lastBytes = new SizeColumn();
  /** The layer that last had something in it. */
  readonly #parentIn = new NumberColumn();
  #layer = 0;

  /** About. */
  get usedBytes(): number {
    return this.#names.usedBytes + this.#names.count * countBytes;
  }

  /**
   * Counts one more layer, of which each path counts as its last entry has it, and directories only where they are
   * empty. Returns the bytes of its files.
   *
   * @throws {LayerTooLargeError} the paths of all layers take more memory than `maxBytes`
   */
  async add(entries: LayerEntries, below: MergedTree, maxBytes: number): Promise<number> {
    this.#layer += 1;
    for await (const { path, type, sizeBytes } of entries) {
      if (type === 'opaque') continue;
      const isRemoval = type === 'whiteout';
      const at = this.#names.put(path);
      this.#last.set(at, this.#layer * 2 + (isRemoval ? 1 : 0));
      this.#lastBytes.set(at, isRemoval ? 0 : sizeBytes);
      this.#parentIn.set(this.#names.parentOf(at), this.#layer);
      if (this.usedBytes > maxBytes) throw new LayerTooLargeError('its paths take too much memory to be counted', path);
    }
    await this.#countRemoved(below);
    return await this.#sumUp();
  }

  /** The least that all paths need, what they take, and the greatest `limit` of those that several layers hold. */
  async report(
    limit: number,
  ): Promise<{ leastBytes: number; totalBytes: number; wastedBytes: number; paths: WastedPath[] }> {
    const greatest = new Greatest<WastedPath>(limit, ({ path }) => path);
    let [leastBytes, totalBytes, wastedBytes] = [0, 0, 0];
    for await (const at of this.#all()) {
      const layers = this.#layers.get(at);
      const bytes = this.#totalBytes.get(at);
      leastBytes += this.#leastBytes.get(at);
      totalBytes += bytes;
      if (layers < 2 || bytes === 0) continue;
      wastedBytes += bytes;
      if (greatest.wants(bytes)) greatest.add({ path: this.#names.pathOf(at), layers, wastedBytes: bytes });
    }
    return { leastBytes, totalBytes, wastedBytes, paths: greatest.take() };
  }

  /** A removed file has no bytes: they count where it came from, as a path of two layers. */
  async #countRemoved(below: MergedTree): Promise<void> {
    const dirs = new Map<string, number>();
    for await (const at of this.#ofLayer()) {
      if (!this.#isRemoval(at)) continue;
      const path = this.#names.pathOf(at);
      if (below.find(path)?.entry.type === 'directory') dirs.set(path, at);
    }
    for (const [path, bytes] of await sizesOf(below, [...dirs.keys()])) {
      this.#lastBytes.set(dirs.get(path) as number, bytes);
    }
  }

  async #sumUp(): Promise<number> {
    let fileBytes = 0;
    for await (const at of this.#ofLayer()) {
      const bytes = this.#lastBytes.get(at);
      const layers = this.#layers.get(at);
      if (!this.#isRemoval(at)) fileBytes += bytes;
      this.#leastBytes.set(at, layers === 0 ? bytes : Math.min(this.#leastBytes.get(at), bytes));
      this.#totalBytes.set(at, this.#totalBytes.get(at) + bytes);
      this.#layers.set(at, layers + 1);
    }
    return fileBytes;
  }

  #isRemoval(at: number): boolean {
    return (this.#last.get(at) & 1) === 1;
  }

  /** The paths that the layer has, and not only as directories of others. */
  async *#ofLayer(): AsyncGenerator<number> {
    for await (const at of this.#all()) {
      if (this.#last.get(at) >>> 1 === this.#layer && this.#parentIn.get(at) !== this.#layer) yield at;
    }
  }

  async *#all(): AsyncGenerator<number> {
    const pause = new Pause();
    for (let at = root; at <= this.#names.count; at++) {
      if (this.#last.get(at) === 0) continue;
      if (pause.isDue) await pause.take();
      yield at;
    }
  }
}

/** Sizes beyond 4 GB. */
class SizeColumn {
  readonly #low = new NumberColumn();
  readonly #high = new NumberColumn();

  get(index: number): number {
    return this.#high.get(index) * 2 ** 32 + this.#low.get(index);
  }

  set(index: number, bytes: number): void {
    this.#low.set(index, bytes % 2 ** 32);
    if (bytes >= 2 ** 32 || this.#high.get(index) > 0) this.#high.set(index, Math.floor(bytes / 2 ** 32));
  }
}

/** What directories of a tree have in all; each part of the tree is gone through once, however they contain each other. */
async function sizesOf(tree: MergedTree, dirs: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map(dirs.map((dir) => [dir, 0]));
  const open: string[] = [];
  const add = (bytes: number): void => {
    const dir = open.at(-1);
    if (dir !== undefined) sizes.set(dir, (sizes.get(dir) ?? 0) + bytes);
  };
  const leave = (path: string | null): void => {
    for (let dir = open.at(-1); dir !== undefined && (path === null || !isBelow(path, dir)); dir = open.at(-1)) {
      open.pop();
      add(sizes.get(dir) ?? 0);
    }
  };
  const pause = new Pause();
  for (const top of topmost(dirs)) {
    for (const { path, entry } of tree.walk(top)) {
      if (pause.isDue) await pause.take();
      leave(path);
      if (sizes.has(path)) open.push(path);
      add(entry.sizeBytes);
    }
    leave(null);
  }
  return sizes;
}

/** Those that are below no other. */
function topmost(dirs: readonly string[]): string[] {
  const found: string[] = [];
  const sorted = dirs.map((dir) => `${dir}/`).sort();
  for (const dir of sorted) if (found.length === 0 || !dir.startsWith(found.at(-1) as string)) found.push(dir);
  return found.map((dir) => dir.slice(0, -1));
}

const isBelow = (path: string, dir: string): boolean => path[dir.length] === '/' && path.startsWith(dir);
