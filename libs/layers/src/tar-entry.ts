import { bytesOfText } from './byte-text.js';
import { InvalidTarError, LayerTooLargeError } from './errors.js';
import type { TarLimits } from './limits.js';
import type { SparsePart } from './sparse.js';
import type { TarHeader } from './tar-header.js';

/** Unknown kinds count as files, as POSIX asks. */
export type TarEntryType = 'file' | 'link' | 'symlink' | 'directory' | 'character-device' | 'block-device' | 'fifo';

/** One entry of a tar as written; the name is not cleaned. Texts stand for bytes (byte-text.ts). */
export interface TarEntry {
  name: string;
  type: TarEntryType;
  /** Bytes of the body in the tar; the file itself is larger when it is sparse. */
  sizeBytes: number;
  /** Where the body begins in the plain tar. */
  offsetBytes: number;
  linkTarget: string | null;
  mode: number;
  uid: number;
  gid: number;
  mtimeMs: number;
  device: { major: number; minor: number };
  /** Extended attributes are here, as `SCHILY.xattr.<name>`. */
  pax: Readonly<Record<string, string>>;
  /** What of the file is in the body when it is sparse in GNU's old format; null for all others. */
  oldSparse: { realSizeBytes: number; parts: readonly SparsePart[] } | null;
}

/** What came before a header and counts for it. */
export interface HeaderOverrides {
  longName: string | null;
  longLink: string | null;
  pax: [string, string][];
}

const noPax: Readonly<Record<string, string>> = Object.freeze({});

/**
 * One entry from its header and what came before.
 *
 * @throws {LayerTooLargeError} a name, link target or PAX header above its limit
 * @throws {InvalidTarError} a size that is no size
 */
export function tarEntry(header: TarHeader, overrides: HeaderOverrides, limits: TarLimits): TarEntry {
  const pax = paxOf(overrides.pax);
  const name = pax['GNU.sparse.name'] ?? pax.path ?? overrides.longName ?? header.name;
  const linkTarget = pax.linkpath ?? overrides.longLink ?? header.linkTarget;
  if (isLong(name, limits.maxNameBytes) || isLong(linkTarget, limits.maxNameBytes)) {
    throw new LayerTooLargeError(`name is longer than ${limits.maxNameBytes} bytes`, name);
  }
  if (paxBytes(pax) > limits.maxPaxBytes) {
    throw new LayerTooLargeError(`PAX header is larger than ${limits.maxPaxBytes} bytes`, name);
  }
  const type = typeOf(header.typeFlag, name);
  const sizeBytes = pax.size === undefined ? header.sizeBytes : Number(pax.size);
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) throw new InvalidTarError('malformed', name);
  return {
    name,
    type,
    // As Go's reader has it: what is no file has no body, whatever its size says.
    sizeBytes: type === 'file' ? sizeBytes : 0,
    offsetBytes: 0,
    linkTarget: linkTarget === '' ? null : linkTarget,
    mode: header.mode & 0o7777,
    uid: numberIn(pax.uid) ?? header.uid,
    gid: numberIn(pax.gid) ?? header.gid,
    mtimeMs: (numberIn(pax.mtime) ?? header.mtimeSeconds) * 1000,
    device: { major: header.major, minor: header.minor },
    pax,
    oldSparse: null,
  };
}

/** The size of the file that the entry stands for: a sparse file's holes count. */
export function logicalSizeBytes(entry: Pick<TarEntry, 'pax' | 'oldSparse' | 'sizeBytes'>): number {
  const told = numberIn(entry.pax['GNU.sparse.realsize'] ?? entry.pax['GNU.sparse.size']);
  return told ?? entry.oldSparse?.realSizeBytes ?? entry.sizeBytes;
}

function paxOf(records: [string, string][]): Readonly<Record<string, string>> {
  if (records.length === 0) return noPax;
  const pax: Record<string, string> = Object.create(null);
  for (const [key, value] of records) {
    // The two keys of GNU's sparse format 0.0 come once for each part; everything else counts as written last.
    const repeated = key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes';
    pax[key] = repeated && pax[key] !== undefined ? `${pax[key]},${value}` : value;
  }
  return pax;
}

/** Old tars write a folder as a file whose name ends in a slash. */
function typeOf(flag: string, name: string): TarEntryType {
  const type = types[flag] ?? 'file';
  return flag === '0' && name.endsWith('/') ? 'directory' : type;
}

const types: Readonly<Record<string, TarEntryType>> = {
  '1': 'link',
  '2': 'symlink',
  '3': 'character-device',
  '4': 'block-device',
  '5': 'directory',
  '6': 'fifo',
};

function isLong(name: string, maxBytes: number): boolean {
  return name.length > maxBytes || (name.length * 3 > maxBytes && bytesOfText(name).length > maxBytes);
}

function paxBytes(pax: Readonly<Record<string, string>>): number {
  let total = 0;
  for (const key in pax) total += key.length + (pax[key]?.length ?? 0);
  return total;
}

function numberIn(text: string | undefined): number | undefined {
  const value = text === undefined || text === '' ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : undefined;
}
