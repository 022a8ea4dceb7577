import type { Header } from 'tar-stream';
import { InvalidTarError, LayerTooLargeError } from './errors.js';
import type { TarLimits } from './limits.js';

/** Unknown kinds count as files, as POSIX asks. */
export type TarEntryType = 'file' | 'link' | 'symlink' | 'directory' | 'character-device' | 'block-device' | 'fifo';

/** One entry of a tar as written; the name is not cleaned. */
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
}

/** What tar-stream says at run time: no kind for types that it does not know. */
export type RawHeader = Omit<Header, 'type'> & { type: Header['type'] | null; byteOffset: number };

/**
 * @throws {LayerTooLargeError} a name, link target or PAX header above its limit
 * @throws {InvalidTarError} a size that is no size
 */
export function tarEntry(header: RawHeader, limits: TarLimits): TarEntry {
  const pax = (header.pax ?? {}) as Record<string, string>;
  const name = pax['GNU.sparse.name'] ?? header.name;
  if (Buffer.byteLength(name) > limits.maxNameBytes || Buffer.byteLength(header.linkname ?? '') > limits.maxNameBytes) {
    throw new LayerTooLargeError(`name is longer than ${limits.maxNameBytes} bytes`, name);
  }
  if (paxBytes(pax) > limits.maxPaxBytes) {
    throw new LayerTooLargeError(`PAX header is larger than ${limits.maxPaxBytes} bytes`, name);
  }
  if (!Number.isSafeInteger(header.size)) throw new InvalidTarError('malformed', name);
  return {
    name,
    type: header.type === null || header.type === 'contiguous-file' ? 'file' : header.type,
    sizeBytes: header.type === 'directory' ? 0 : header.size,
    offsetBytes: header.byteOffset,
    linkTarget: header.linkname,
    mode: header.mode,
    uid: numberIn(pax.uid) ?? header.uid,
    gid: numberIn(pax.gid) ?? header.gid,
    mtimeMs: (numberIn(pax.mtime) ?? header.mtime.getTime() / 1000) * 1000,
    device: { major: header.devmajor, minor: header.devminor },
    pax,
  };
}

/** The size of the file that the entry stands for: a sparse file's holes count. */
export function logicalSizeBytes(entry: TarEntry): number {
  return numberIn(entry.pax['GNU.sparse.realsize'] ?? entry.pax['GNU.sparse.size']) ?? entry.sizeBytes;
}

function paxBytes(pax: Record<string, string>): number {
  let total = 0;
  for (const key in pax) total += key.length + (pax[key]?.length ?? 0);
  return total;
}

function numberIn(text: string | undefined): number | undefined {
  const value = text === undefined ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : undefined;
}
