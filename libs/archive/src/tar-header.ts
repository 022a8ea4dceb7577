/**
 * Headers as `pax(1)` of POSIX.1 describes them, for regular files and folders of nobody, at time 0: the same entry has
 * the same bytes every time. tar-stream writes headers only into a stream, and a plan needs them beforehand.
 */

/** One entry to announce. Folders have no size and a name that ends in `/`. */
export interface TarHeaderEntry {
  name: string;
  sizeBytes: number;
  directory?: boolean;
}

const blockBytes = 512;
const maxOctalSize = 0o77777777777;
const maxNameBytes = 100;

/** All header blocks of one entry; a PAX block comes first when the name or the size does not fit. */
export function tarHeader(entry: TarHeaderEntry): Buffer {
  const records = [
    ...(Buffer.byteLength(entry.name) > maxNameBytes ? [paxRecord('path', entry.name)] : []),
    ...(entry.sizeBytes > maxOctalSize ? [paxRecord('size', String(entry.sizeBytes))] : []),
  ].join('');
  const header = headerBlock(entry, entry.directory ? '5' : '0');
  return records === '' ? header : Buffer.concat([paxBlocks(records), header]);
}

/** How many zeros follow a body to fill its last block. */
export function tarPaddingBytes(sizeBytes: number): number {
  return (blockBytes - (sizeBytes % blockBytes)) % blockBytes;
}

/** Two empty blocks close a tar. */
export const tarEndBytes = 2 * blockBytes;

function paxBlocks(records: string): Buffer {
  const body = Buffer.from(records);
  const header = headerBlock({ name: 'PaxHeaders/entry', sizeBytes: body.length }, 'x');
  return Buffer.concat([header, body, Buffer.alloc(tarPaddingBytes(body.length))]);
}

/** `<length> <key>=<value>\n`, where the length counts its own digits. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const restBytes = Buffer.byteLength(rest);
  let length = restBytes;
  while (length !== restBytes + String(length).length) length = restBytes + String(length).length;
  return `${length}${rest}`;
}

function headerBlock({ name, sizeBytes, directory }: TarHeaderEntry, type: string): Buffer {
  const block = Buffer.alloc(blockBytes);
  block.write(name, 0, maxNameBytes);
  block.write(octal(directory ? 0o755 : 0o644, 8), 100);
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  block.write(octal(sizeBytes > maxOctalSize ? 0 : sizeBytes, 12), 124);
  block.write(octal(0, 12), 136);
  block.write(' '.repeat(8), 148);
  block.write(type, 156);
  block.write('ustar\0' + '00', 257);
  const checksum = block.reduce((sum, byte) => sum + byte, 0);
  block.write(`${checksum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

function octal(value: number, fieldBytes: number): string {
  return `${value.toString(8).padStart(fieldBytes - 1, '0')}\0`;
}
