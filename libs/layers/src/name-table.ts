/**
 * The names of a tree without an object for each: every name is a number, its relatives are numbers in columns, its
 * text is bytes in a slab. Some 32 bytes a name beside its text. A number is never given twice, so what is kept under
 * one stays true after the name was removed.
 */
import { randomInt } from 'node:crypto';
import { ByteSlab } from './byte-slab.js';
import { NumberColumn } from './number-column.js';
import { RecordReader, RecordWriter } from './record-bytes.js';

/** The number of the root; in a directory, where the root cannot be, that of no name. */
export const root = 0;
/** The number of a path that leads to no name. */
export const nothing = -1;

const nameBytes = 32;
const firstBuckets = 256;

export class NameTable {
  readonly #texts = new ByteSlab();
  readonly #writer = new RecordWriter();
  readonly #textAt = new NumberColumn();
  readonly #parent = new NumberColumn();
  readonly #firstChild = new NumberColumn();
  readonly #next = new NumberColumn();
  readonly #previous = new NumberColumn();
  readonly #hash = new NumberColumn();
  readonly #inBucket = new NumberColumn();
  #buckets = new Uint32Array(firstBuckets);
  #count = 0;
  /** Nobody outside can choose names that meet in one bucket. */
  readonly #seed = randomInt(2 ** 32);

  /** About. */
  get usedBytes(): number {
    return this.#count * nameBytes + this.#texts.usedBytes;
  }

  /** The highest number that was given. */
  get count(): number {
    return this.#count;
  }

  /** The number of a name in a directory, 0 when it is not there. */
  find(dir: number, name: string): number {
    const hash = this.#hashOf(dir, name);
    const buckets = this.#buckets;
    for (let at = buckets[hash % buckets.length] ?? 0; at !== 0; at = this.#inBucket.get(at)) {
      if (this.#hash.get(at) === hash && this.#parent.get(at) === dir && this.#isCalled(at, name)) return at;
    }
    return 0;
  }

  /** A new name in a directory, which must not have it. */
  add(dir: number, name: string): number {
    if (this.#count >= this.#buckets.length * 2) this.#rehash();
    this.#count += 1;
    const node = this.#count;
    this.#writer.text(name);
    this.#textAt.set(node, this.#texts.add(this.#writer.take()));
    this.#parent.set(node, dir);
    const first = this.#firstChild.get(dir);
    this.#next.set(node, first);
    if (first !== 0) this.#previous.set(first, node);
    this.#firstChild.set(dir, node);
    this.#hash.set(node, this.#hashOf(dir, name));
    this.#intoBucket(node);
    return node;
  }

  /** The number of a path, whose names are made where they are missing. */
  put(path: string): number {
    let node = root;
    for (let from = 0; from <= path.length && path !== ''; ) {
      const slash = path.indexOf('/', from);
      const end = slash === -1 ? path.length : slash;
      const name = path.slice(from, end);
      node = this.find(node, name) || this.add(node, name);
      from = end + 1;
    }
    return node;
  }

  /** That of the root is the root. */
  parentOf(node: number): number {
    return this.#parent.get(node);
  }

  /** Takes a name out of its directory; what was below it cannot be found any more. */
  remove(node: number): void {
    const [next, previous] = [this.#next.get(node), this.#previous.get(node)];
    if (previous === 0) this.#firstChild.set(this.#parent.get(node), next);
    else this.#next.set(previous, next);
    if (next !== 0) this.#previous.set(next, previous);
    this.#outOfBucket(node);
  }

  hasChildren(dir: number): boolean {
    return this.#firstChild.get(dir) !== 0;
  }

  /** What is in a directory, in no order. */
  children(dir: number): number[] {
    const found: number[] = [];
    for (let node = this.#firstChild.get(dir); node !== 0; node = this.#next.get(node)) found.push(node);
    return found;
  }

  nameOf(node: number): string {
    if (node === root) return '';
    const address = this.#textAt.get(node);
    return new RecordReader(this.#texts.blockOf(address), this.#texts.offsetOf(address)).text();
  }

  pathOf(node: number): string {
    const names: string[] = [];
    for (let at = node; at !== root; at = this.#parent.get(at)) names.push(this.nameOf(at));
    return names.reverse().join('/');
  }

  /** The number of a clean path, `nothing` when there is none. */
  at(path: string): number {
    if (path === '') return root;
    let node = root;
    for (let from = 0; from <= path.length; ) {
      const slash = path.indexOf('/', from);
      const end = slash === -1 ? path.length : slash;
      node = this.find(node, path.slice(from, end));
      if (node === 0) return nothing;
      from = end + 1;
    }
    return node;
  }

  #isCalled(node: number, name: string): boolean {
    const address = this.#textAt.get(node);
    return new RecordReader(this.#texts.blockOf(address), this.#texts.offsetOf(address)).isText(name);
  }

  #hashOf(dir: number, name: string): number {
    let hash = Math.imul(this.#seed ^ dir, 0x9e3779b1);
    for (let at = 0; at < name.length; at++) {
      hash = Math.imul(hash ^ name.charCodeAt(at), 0x85ebca6b);
      hash ^= hash >>> 15;
    }
    return (hash ^ (hash >>> 13)) >>> 0;
  }

  #intoBucket(node: number): void {
    const bucket = this.#hash.get(node) % this.#buckets.length;
    this.#inBucket.set(node, this.#buckets[bucket] ?? 0);
    this.#buckets[bucket] = node;
  }

  #outOfBucket(node: number): void {
    const bucket = this.#hash.get(node) % this.#buckets.length;
    let before = 0;
    for (let at = this.#buckets[bucket] ?? 0; at !== node; at = this.#inBucket.get(at)) before = at;
    if (before === 0) this.#buckets[bucket] = this.#inBucket.get(node);
    else this.#inBucket.set(before, this.#inBucket.get(node));
  }

  /** Names that were removed are not put back: nobody asks for them. */
  #rehash(): void {
    const old = this.#buckets;
    this.#buckets = new Uint32Array(old.length * 2);
    for (const first of old) {
      for (let node = first; node !== 0; ) {
        const next = this.#inBucket.get(node);
        this.#intoBucket(node);
        node = next;
      }
    }
  }
}
