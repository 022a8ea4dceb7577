/**
 * Entries as POSIX.1 pax: a header block, before it a PAX header for what does not fit there. Bytes come out as they went
 * in: names that are no UTF-8, binary attributes.
 */
import { bytesOfText } from './byte-text.js';
import { paxRecord } from './pax-records.js';
import type { TarEntryType } from './tar-entry.js';
import { tarBlockBytes } from './tar-header.js';

/** One entry to write. A directory's name ends in a slash. */
export interface WritableEntry {
  name: string;
  type: TarEntryType;
  mode: number;
  uid: number;
  gid: number;
  /** Length of the body that follows; 0 for what is no file. */
  sizeBytes: number;
  mtimeMs: number;
  linkTarget: string | null;
  device: { major: number; minor: number } | null;
  /** Without the prefix `SCHILY.xattr.`. */
  xattrs: Readonly<Record<string, string>>;
}

const maxName = 100;
const maxOctal12 = 0o77777777777;
const maxOctal8 = 0o7777777;

/** All header blocks of one entry; the body and `tarPadding` follow. */
export function writeTarHeader(entry: WritableEntry): Buffer {
  const records = paxRecordsOf(entry);
  const block = headerBlock(entry, typeFlags[entry.type]);
  if (records.length === 0) return block;
  const body = Buffer.concat(records);
  const pax = { ...plainFile, name: 'PaxHeaders/entry', sizeBytes: body.length };
  return Buffer.concat([headerBlock(pax, 'x'), body, tarPadding(body.length), block]);
}

/** The zeros that fill the last block of a body. */
export function tarPadding(sizeBytes: number): Buffer {
  return zeros.subarray(0, (tarBlockBytes - (sizeBytes % tarBlockBytes)) % tarBlockBytes);
}

/** Two empty blocks close a tar. */
export const tarEnd: Buffer = Buffer.alloc(2 * tarBlockBytes);

const zeros = Buffer.alloc(tarBlockBytes);

const plainFile: WritableEntry = {
  name: '',
  type: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  sizeBytes: 0,
  mtimeMs: 0,
  linkTarget: null,
  device: null,
  xattrs: {},
};

const typeFlags: Readonly<Record<TarEntryType, string>> = {
  file: '0',
  link: '1',
  symlink: '2',
  'character-device': '3',
  'block-device': '4',
  directory: '5',
  fifo: '6',
};

function paxRecordsOf(entry: WritableEntry): Buffer[] {
  const records: Buffer[] = [];
  if (bytesOfText(entry.name).length > maxName) records.push(paxRecord('path', entry.name));
  const link = entry.linkTarget ?? '';
  if (bytesOfText(link).length > maxName) records.push(paxRecord('linkpath', link));
  if (entry.sizeBytes > maxOctal12) records.push(paxRecord('size', String(entry.sizeBytes)));
  if (!fits(entry.uid, maxOctal8)) records.push(paxRecord('uid', String(entry.uid)));
  if (!fits(entry.gid, maxOctal8)) records.push(paxRecord('gid', String(entry.gid)));
  const seconds = entry.mtimeMs / 1000;
  if (!Number.isInteger(seconds) || !fits(seconds, maxOctal12)) records.push(paxRecord('mtime', decimal(seconds)));
  for (const [name, value] of Object.entries(entry.xattrs).sort(([a], [b]) => (a < b ? -1 : 1))) {
    records.push(paxRecord(`SCHILY.xattr.${name}`, value));
  }
  return records;
}

function headerBlock(entry: WritableEntry, typeFlag: string): Buffer {
  const block = Buffer.alloc(tarBlockBytes);
  bytesOfText(entry.name).copy(block, 0, 0, maxName);
  octal(block, 100, 8, entry.mode & 0o7777);
  octal(block, 108, 8, fits(entry.uid, maxOctal8) ? entry.uid : 0);
  octal(block, 116, 8, fits(entry.gid, maxOctal8) ? entry.gid : 0);
  octal(block, 124, 12, entry.sizeBytes > maxOctal12 ? 0 : entry.sizeBytes);
  const seconds = Math.floor(entry.mtimeMs / 1000);
  octal(block, 136, 12, fits(seconds, maxOctal12) ? seconds : 0);
  block.write(typeFlag, 156, 'latin1');
  bytesOfText(entry.linkTarget ?? '').copy(block, 157, 0, maxName);
  block.write('ustar\0' + '00', 257, 'latin1');
  octal(block, 329, 8, entry.device?.major ?? 0);
  octal(block, 337, 8, entry.device?.minor ?? 0);
  block.fill(' ', 148, 156);
  const checksum = block.reduce((sum, byte) => sum + byte, 0);
  block.write(`${checksum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

function octal(block: Buffer, at: number, bytes: number, value: number): void {
  block.write(`${value.toString(8).padStart(bytes - 1, '0')}\0`, at, 'latin1');
}

function fits(value: number, max: number): boolean {
  return value >= 0 && value <= max;
}

function decimal(seconds: number): string {
  return seconds.toFixed(6).replace(/\.?0+$/, '');
}
