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
  const { uid, gid, sizeBytes, device } = entry;
  const block = Buffer.alloc(tarBlockBytes);
  bytesOfText(entry.name).copy(block, 0, 0, maxName);
  const owner = [entry.mode & 0o7777, uid, gid].map(octal8);
  const seconds = Math.floor(entry.mtimeMs / 1000);
  const size = octal12(sizeBytes > maxOctal12 ? 0 : sizeBytes);
  const time = octal12(fits(seconds, maxOctal12) ? seconds : 0);
  block.write(`${owner.join('')}${size}${time}        ${typeFlag}`, 100, 'latin1');
  bytesOfText(entry.linkTarget ?? '').copy(block, 157, 0, maxName);
  block.write('ustar\0' + '00', 257, 'latin1');
  block.write(octal8(device?.major ?? 0) + octal8(device?.minor ?? 0), 329, 'latin1');
  let checksum = 0;
  for (let at = 0; at < tarBlockBytes; at++) checksum += block[at] as number;
  block.write(`${checksum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** 0 for what has no room. */
const octal8 = (value: number): string => `${(fits(value, maxOctal8) ? value : 0).toString(8).padStart(7, '0')}\0`;

const octal12 = (value: number): string => `${value.toString(8).padStart(11, '0')}\0`;

function fits(value: number, max: number): boolean {
  return value >= 0 && value <= max;
}

function decimal(seconds: number): string {
  return seconds.toFixed(6).replace(/\.?0+$/, '');
}
