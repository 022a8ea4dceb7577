/**
 * One header block as POSIX.1 (ustar), GNU tar and the tars before both write it. Numbers beyond their octal field are
 * base 256 (GNU); both the unsigned and the historic signed checksum count.
 */
import { textOfBytes } from './byte-text.js';

export const tarBlockBytes = 512;

/** A header as written; longer names and other overrides come in entries before it. */
export interface TarHeader {
  name: string;
  /** The type byte as a character; `0` for the NUL of old tars. */
  typeFlag: string;
  sizeBytes: number;
  linkTarget: string;
  mode: number;
  uid: number;
  gid: number;
  mtimeSeconds: number;
  major: number;
  minor: number;
}

/** Reads a block that is not empty. Null: this is no header. */
export function parseTarHeader(block: Buffer): TarHeader | null {
  if (!checksumFits(block)) return null;
  const typeByte = block[156] ?? 0;
  const name = text(block, 0, 100);
  const prefix = isUstar(block) && block[345] !== 0 ? `${text(block, 345, 155)}/` : '';
  const numbers = numberFields.map(([at, length]) => number(block, at, length));
  if (numbers.some((value) => value === null)) return null;
  const [mode, uid, gid, sizeBytes, mtimeSeconds, major, minor] = numbers as number[];
  return {
    name: prefix + name,
    typeFlag: typeByte === 0 ? '0' : String.fromCharCode(typeByte),
    linkTarget: text(block, 157, 100),
    mode: mode as number,
    uid: uid as number,
    gid: gid as number,
    sizeBytes: sizeBytes as number,
    mtimeSeconds: mtimeSeconds as number,
    major: major as number,
    minor: minor as number,
  };
}

/** Whether a block is all zeros: two of them end a tar. */
export function isEmptyBlock(block: Buffer): boolean {
  return emptyBlock.equals(block);
}

/** A number in a header field; null when it is none. */
export function number(block: Buffer, at: number, length: number): number | null {
  const first = block[at] ?? 0;
  if (first & 0x80) return base256(block, at, length);
  const digits = block.toString('latin1', at, at + length).replace(/^[ \0]+/, '');
  const end = digits.search(/[ \0]/);
  const octal = end === -1 ? digits : digits.slice(0, end);
  if (octal === '') return 0;
  return /^[0-7]+$/.test(octal) ? Number.parseInt(octal, 8) : null;
}

const emptyBlock = Buffer.alloc(tarBlockBytes);
const numberFields: readonly [number, number][] = [
  [100, 8],
  [108, 8],
  [116, 8],
  [124, 12],
  [136, 12],
  [329, 8],
  [337, 8],
];

/** Two's complement, the top bit of the first byte being a mark. Beyond 2^53 it is no number that anybody means. */
function base256(block: Buffer, at: number, length: number): number | null {
  const negative = ((block[at] ?? 0) & 0x40) !== 0;
  let value = negative ? -1n : 0n;
  for (let index = 0; index < length; index++) {
    const byte = block[at + index] ?? 0;
    value = (value << 8n) | BigInt(index === 0 ? (negative ? byte : byte & 0x7f) : byte);
  }
  const result = Number(value);
  return Number.isSafeInteger(result) ? result : null;
}

function isUstar(block: Buffer): boolean {
  return block.toString('latin1', 257, 263) === 'ustar\0';
}

function text(block: Buffer, at: number, length: number): string {
  const end = block.indexOf(0, at);
  return textOfBytes(block.subarray(at, end === -1 ? at + length : Math.min(end, at + length)));
}

function checksumFits(block: Buffer): boolean {
  const told = number(block, 148, 8);
  let unsigned = 8 * 32;
  let high = 0;
  for (let at = 0; at < tarBlockBytes; at++) {
    if (at === 148) at = 156;
    const byte = block[at] as number;
    unsigned += byte;
    high += byte >> 7;
  }
  return told === unsigned || told === unsigned - 256 * high;
}
