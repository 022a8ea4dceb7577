// The files of a tree without an object for each: numbers from 1, with a record in a slab and some numbers in columns.
import { ByteSlab } from './byte-slab.js';
import type { IndexEntry } from './index-entry.js';
import { readEntry, readType, writeEntry } from './index-record.js';
import { NumberColumn } from './number-column.js';
import { RecordReader, RecordWriter } from './record-bytes.js';

/** What is kept of each file beside its record. */
const fileBytes = 12;

/** A directory that a layer uses without describing it; its path is where it is. */
const impliedDirectory: IndexEntry = {
  ...{ path: '', type: 'directory', mode: 0o755, uid: 0, gid: 0, sizeBytes: 0, mtimeMs: 0 },
  ...{ linkTarget: null, device: null, xattrs: {}, offsetBytes: 0, storedBytes: 0, sha256: null, sparse: null },
};

/** What stands behind the names of a tree: several may have one file. */
export class FileTable {
  readonly #records = new ByteSlab();
  readonly #writer = new RecordWriter();
  readonly #recordAt = new NumberColumn();
  /** Twice the layer, one more where the file is shared. */
  readonly #origin = new NumberColumn();
  readonly #home = new NumberColumn();
  readonly #implied: number;
  readonly #hashes: boolean;
  #count = 0;

  /** Without `hashes` those of contents are left out: no other part of an entry takes as much memory. */
  constructor({ hashes }: { hashes: boolean }) {
    this.#hashes = hashes;
    this.#implied = this.#write(impliedDirectory, false);
  }

  /** About. */
  get usedBytes(): number {
    return this.#records.usedBytes + this.#count * fileBytes;
  }

  /** A new file of a layer, counted from 1; `home` is its first name. Its path is kept only where the name is another. */
  add(entry: IndexEntry, { layer, home, keepPath }: { layer: number; home: number; keepPath: boolean }): number {
    return this.#add(this.#write(entry, keepPath), layer, home);
  }

  /** A new directory that no layer describes: that of layer 0. */
  addImplied(home: number): number {
    return this.#add(this.#implied, 0, home);
  }

  layerOf(file: number): number {
    return this.#origin.get(file) >>> 1;
  }

  /** The name it got first. */
  homeOf(file: number): number {
    return this.#home.get(file);
  }

  /** Whether it got other names; they may have gone. */
  isShared(file: number): boolean {
    return (this.#origin.get(file) & 1) === 1;
  }

  share(file: number): void {
    this.#origin.set(file, this.#origin.get(file) | 1);
  }

  /** What it is; without a path where none was kept and `pathOf` tells none. */
  entryOf(file: number, pathOf = (): string => ''): IndexEntry {
    return readEntry(this.#readerOf(file), pathOf);
  }

  typeOf(file: number): IndexEntry['type'] {
    return readType(this.#readerOf(file));
  }

  #write(entry: IndexEntry, withPath: boolean): number {
    writeEntry(this.#writer, entry, { withPath, withHash: this.#hashes });
    return this.#records.add(this.#writer.take());
  }

  #add(record: number, layer: number, home: number): number {
    this.#count += 1;
    this.#recordAt.set(this.#count, record);
    this.#origin.set(this.#count, layer * 2);
    this.#home.set(this.#count, home);
    return this.#count;
  }

  #readerOf(file: number): RecordReader {
    const address = this.#recordAt.get(file);
    return new RecordReader(this.#records.blockOf(address), this.#records.offsetOf(address));
  }
}
