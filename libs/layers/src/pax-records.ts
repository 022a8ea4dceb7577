/** `<length> <key>=<value>\n` records of POSIX.1 pax; values may be binary, as `security.capability` is. */
import { bytesOfText, textOfBytes } from './byte-text.js';

/** Key and value in the order written; keys may repeat. Null: these are no records. */
export function parsePaxRecords(bytes: Buffer): [string, string][] | null {
  const records: [string, string][] = [];
  let at = 0;
  while (at < bytes.length && bytes[at] !== 0) {
    const space = bytes.indexOf(0x20, at);
    const length = space === -1 ? 0 : decimal(bytes.toString('latin1', at, space));
    const end = at + length;
    const equals = bytes.indexOf(0x3d, space);
    if (end <= space || end > bytes.length || bytes[end - 1] !== 0x0a || equals === -1 || equals >= end) return null;
    records.push([textOfBytes(bytes.subarray(space + 1, equals)), textOfBytes(bytes.subarray(equals + 1, end - 1))]);
    at = end;
  }
  return records;
}

/** The bytes of one record, whose length counts its own digits. */
export function paxRecord(key: string, value: string): Buffer {
  const rest = bytesOfText(` ${key}=${value}\n`);
  let length = rest.length;
  while (length !== rest.length + String(length).length) length = rest.length + String(length).length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function decimal(text: string): number {
  return /^\d{1,10}$/.test(text) ? Number(text) : 0;
}
