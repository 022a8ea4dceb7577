// An entry of an index as bytes: some 20 and the hash of its content, where objects take several hundred.
import type { IndexEntry, IndexEntryType } from './index-entry.js';
import { isWhole, type RecordReader, type RecordWriter } from './record-bytes.js';

const types: readonly IndexEntryType[] = [
  'file',
  'directory',
  'symlink',
  'link',
  'character-device',
  'block-device',
  'fifo',
  'whiteout',
  'opaque',
];
const codes = new Map(types.map((type, code) => [type, code]));

/** In one byte. */
const typeMask = 0x0f;
const hasHash = 0x10;
const isEmpty = 0x20;
const hasRest = 0x40;
const hasPath = 0x80;

const emptyHash = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const hashBytes = 32;
const noXattrs: IndexEntry['xattrs'] = Object.freeze({});

/** What most entries do not have, numbers that are no whole ones among it; as JSON. */
type Rest = Partial<Omit<IndexEntry, 'path' | 'type' | 'mtimeMs'>>;

const wholes = ['mode', 'uid', 'gid', 'sizeBytes', 'offsetBytes'] as const;

/** Writes an entry; its path and its hash only where they are wanted. */
export function writeEntry(
  writer: RecordWriter,
  entry: IndexEntry,
  { withPath, withHash }: { withPath: boolean; withHash: boolean },
): void {
  const sha256 = withHash ? entry.sha256 : null;
  const rest = restOf(entry, sha256);
  const { type, mtimeMs, path } = entry;
  const isHashed = sha256 !== null && sha256 !== emptyHash && rest?.sha256 === undefined;
  let head = codes.get(type) as number;
  if (isHashed) head |= hasHash;
  if (sha256 === emptyHash) head |= isEmpty;
  if (rest !== undefined) head |= hasRest;
  if (withPath) head |= hasPath;
  writer.byte(head);
  for (const key of wholes) writer.whole(isWhole(entry[key]) ? entry[key] : 0);
  writer.number(mtimeMs);
  if (isHashed) writer.hex(sha256);
  if (rest !== undefined) writer.text(JSON.stringify(rest));
  if (withPath) writer.text(path);
}

/** Reads an entry; `pathOf` tells the path that was not written. */
export function readEntry(reader: RecordReader, pathOf: () => string): IndexEntry {
  const head = reader.byte();
  const entry: IndexEntry = {
    path: '',
    type: types[head & typeMask] as IndexEntryType,
    mode: reader.whole(),
    uid: reader.whole(),
    gid: reader.whole(),
    sizeBytes: reader.whole(),
    offsetBytes: reader.whole(),
    mtimeMs: reader.number(),
    linkTarget: null,
    device: null,
    xattrs: noXattrs,
    storedBytes: 0,
    sha256: head & hasHash ? reader.hex(hashBytes) : head & isEmpty ? emptyHash : null,
    sparse: null,
  };
  entry.storedBytes = entry.sizeBytes;
  if (head & hasRest) Object.assign(entry, JSON.parse(reader.text()));
  entry.path = head & hasPath ? reader.text() : pathOf();
  return entry;
}

/** Only the type of what `readEntry` would give. */
export function readType(reader: RecordReader): IndexEntryType {
  return types[reader.byte() & typeMask] as IndexEntryType;
}

function restOf(entry: IndexEntry, sha256: string | null): Rest | undefined {
  const { linkTarget, device, xattrs, storedBytes, sizeBytes, sparse } = entry;
  let rest: Rest | undefined;
  if (linkTarget !== null) rest = { ...rest, linkTarget };
  if (device !== null) rest = { ...rest, device };
  if (hasAny(xattrs)) rest = { ...rest, xattrs };
  if (storedBytes !== sizeBytes) rest = { ...rest, storedBytes };
  if (sparse !== null) rest = { ...rest, sparse };
  if (sha256 !== null && !/^[0-9a-f]{64}$/.test(sha256)) rest = { ...rest, sha256 };
  for (const key of wholes) if (!isWhole(entry[key])) rest = { ...rest, [key]: entry[key] };
  return rest;
}

function hasAny(values: Readonly<Record<string, string>>): boolean {
  for (const _ in values) return true;
  return false;
}
