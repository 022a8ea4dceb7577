// A path of a writable layer as bytes.
import type { Digest } from '@entrepot/oci';
import { ByteSlab } from './byte-slab.js';
import { isWhole, RecordReader, RecordWriter } from './record-bytes.js';
import type { WrittenContent, WrittenEntry } from './written-entry.js';

const types: readonly RecordedEntry['type'][] = [
  'file',
  'directory',
  'symlink',
  'character-device',
  'block-device',
  'fifo',
  'whiteout',
  'link',
];
const codes = new Map(types.map((type, code) => [type, code]));

/** In one byte. */
const typeMask = 0x0f;
const isOpaque = 0x10;
const covers = 0x20;
const hasRest = 0x40;
const hasPath = 0x80;

/** What is where the content of a file is to be read from. */
const contents = ['none', 'inline', 'blob', 'own', 'kept', 'below'] as const;

/** What most entries do not have, numbers that are no whole ones among it; as JSON. */
type Rest = Partial<Pick<RecordedEntry, 'linkTarget' | 'device' | 'xattrs' | 'inode' | (typeof wholes)[number]>>;

const wholes = ['mode', 'uid', 'gid', 'sizeBytes'] as const;
const noXattrs: RecordedEntry['xattrs'] = Object.freeze({});

/** An entry of a writable layer, or one that is on its way there as an archive has it. */
export interface RecordedEntry extends Omit<WrittenEntry, 'type'> {
  type: WrittenEntry['type'] | 'link';
}

/** What can be told of an entry without reading it. */
export interface RecordedKind {
  type: RecordedEntry['type'];
  opaque: boolean;
  covers: boolean;
}

/** Entries as records; that of an entry which is written anew stays behind. */
export class EntryRecords {
  readonly #slab = new ByteSlab();
  readonly #writer = new RecordWriter();
  /** Many files share a blob, so its digest is kept once. */
  readonly #digests: Digest[] = [];
  readonly #digestIndexes = new Map<Digest, number>();

  get usedBytes(): number {
    return this.#slab.usedBytes;
  }

  /** Keeps an entry, its path only where `withPath`, and tells where. */
  add(entry: RecordedEntry, withPath = false): number {
    const rest = restOf(entry);
    let head = codes.get(entry.type) as number;
    if (entry.opaque) head |= isOpaque;
    if (entry.covers) head |= covers;
    if (rest !== undefined) head |= hasRest;
    if (withPath) head |= hasPath;
    this.#writer.byte(head);
    for (const key of wholes) this.#writer.whole(isWhole(entry[key]) ? entry[key] : 0);
    this.#writer.number(entry.mtimeMs);
    if (rest !== undefined) this.#writer.text(JSON.stringify(rest));
    if (withPath) this.#writer.text(entry.path);
    this.#addContent(entry.content, entry.path);
    return this.#slab.add(this.#writer.take());
  }

  kindAt(address: number): RecordedKind {
    const head = this.#readerAt(address).byte();
    return {
      type: types[head & typeMask] as RecordedEntry['type'],
      opaque: (head & isOpaque) !== 0,
      covers: (head & covers) !== 0,
    };
  }

  /** `path` is that of an entry which was kept without. */
  read(address: number, path = ''): RecordedEntry {
    const reader = this.#readerAt(address);
    const head = reader.byte();
    const entry: RecordedEntry = {
      path,
      type: types[head & typeMask] as RecordedEntry['type'],
      mode: reader.whole(),
      uid: reader.whole(),
      gid: reader.whole(),
      sizeBytes: reader.whole(),
      mtimeMs: reader.number(),
      linkTarget: null,
      device: null,
      xattrs: noXattrs,
      opaque: (head & isOpaque) !== 0,
      covers: (head & covers) !== 0,
      inode: null,
      content: null,
    };
    if (head & hasRest) Object.assign(entry, JSON.parse(reader.text()));
    if (head & hasPath) entry.path = reader.text();
    entry.content = this.#readContent(reader, entry.path);
    return entry;
  }

  #addContent(content: WrittenContent | null, path: string): void {
    const isOwn = content?.kind === 'kept' && content.path === path;
    this.#writer.byte(contents.indexOf(content === null ? 'none' : isOwn ? 'own' : content.kind));
    switch (content?.kind) {
      case 'inline':
        this.#writer.whole(content.bytes.length);
        this.#writer.bytes(content.bytes);
        break;
      case 'blob':
        this.#writer.whole(this.#indexOf(content.digest));
        this.#writer.whole(content.offsetBytes);
        break;
      case 'kept':
      case 'below':
        if (!isOwn) this.#writer.text(content.path);
    }
  }

  #readContent(reader: RecordReader, path: string): WrittenContent | null {
    const kind = contents[reader.byte()];
    switch (kind) {
      case 'inline':
        return { kind, bytes: reader.bytes(reader.whole()) };
      case 'blob': {
        const digest = this.#digests[reader.whole()] as Digest;
        return { kind, digest, offsetBytes: reader.whole() };
      }
      case 'own':
        return { kind: 'kept', path };
      case 'kept':
      case 'below':
        return { kind, path: reader.text() };
      default:
        return null;
    }
  }

  #indexOf(digest: Digest): number {
    const known = this.#digestIndexes.get(digest);
    if (known !== undefined) return known;
    this.#digestIndexes.set(digest, this.#digests.length);
    return this.#digests.push(digest) - 1;
  }

  #readerAt(address: number): RecordReader {
    return new RecordReader(this.#slab.blockOf(address), this.#slab.offsetOf(address));
  }
}

function restOf(entry: RecordedEntry): Rest | undefined {
  const { linkTarget, device, xattrs, inode } = entry;
  let rest: Rest | undefined;
  if (linkTarget !== null) rest = { ...rest, linkTarget };
  if (device !== null) rest = { ...rest, device };
  if (inode !== null) rest = { ...rest, inode };
  if (Object.keys(xattrs).length > 0) rest = { ...rest, xattrs };
  for (const key of wholes) if (!isWhole(entry[key])) rest = { ...rest, [key]: entry[key] };
  return rest;
}
