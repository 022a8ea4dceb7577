import { cleanEntryName } from './entry-name.js';
import type { LayerEntry } from './layer-entry.js';
import { isSparse } from './sparse.js';
import { logicalSizeBytes, type TarEntry, type TarEntryType } from './tar-entry.js';

/** What an entry of a layer means once its special names are understood. */
export type IndexEntryType = TarEntryType | 'whiteout' | 'opaque';

/**
 * One entry of a layer as its index keeps it. `path` is clean and `''` for the root; a whiteout carries the path it
 * removes, an opaque entry the directory whose lower content it hides. Texts stand for bytes (byte-text.ts).
 */
export interface IndexEntry {
  path: string;
  type: IndexEntryType;
  mode: number;
  uid: number;
  gid: number;
  /** Of the file itself, holes included; 0 for what is no file. */
  sizeBytes: number;
  mtimeMs: number;
  /** As written for a symlink, a clean path for a hard link, null for all others. */
  linkTarget: string | null;
  device: { major: number; minor: number } | null;
  /** Extended attributes by their names, `security.capability`. */
  xattrs: Readonly<Record<string, string>>;
  /** Where the body begins in the plain tar, and its length there. */
  offsetBytes: number;
  storedBytes: number;
  /** Hex SHA-256 of the content; null for what is no file, and for holes beyond all measure. */
  sha256: string | null;
  /** How the body becomes the file when it is sparse. */
  sparse: SparseLayout | null;
}

/** What `expandSparse` needs of an entry. */
export interface SparseLayout {
  pax: Readonly<Record<string, string>>;
  old: TarEntry['oldSparse'];
}

const noXattrs: Readonly<Record<string, string>> = Object.freeze({});
const xattrPrefix = 'SCHILY.xattr.';
const sparsePrefix = 'GNU.sparse.';

/** The index's form of an entry; null for leftovers that mean nothing. */
export function indexEntry(entry: LayerEntry, sha256: string | null): IndexEntry | null {
  const { whiteout, type } = entry;
  if (whiteout?.kind === 'ignored') return null;
  const isDevice = type === 'character-device' || type === 'block-device';
  return {
    path: whiteout === null ? entry.path : whiteout.kind === 'whiteout' ? whiteout.target : whiteout.dir,
    type: whiteout === null ? type : whiteout.kind,
    mode: entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    sizeBytes: whiteout === null && type === 'file' ? logicalSizeBytes(entry) : 0,
    mtimeMs: entry.mtimeMs,
    linkTarget: whiteout === null ? linkTargetOf(entry) : null,
    device: isDevice ? entry.device : null,
    xattrs: pick(entry.pax, xattrPrefix, xattrPrefix.length),
    offsetBytes: entry.offsetBytes,
    storedBytes: entry.sizeBytes,
    sha256,
    sparse: isSparse(entry) ? { pax: pick(entry.pax, sparsePrefix, 0), old: entry.oldSparse } : null,
  };
}

function linkTargetOf({ type, linkTarget }: TarEntry): string | null {
  if (type === 'symlink') return linkTarget ?? '';
  return type === 'link' ? cleanEntryName(linkTarget ?? '') : null;
}

function pick(pax: Readonly<Record<string, string>>, prefix: string, cut: number): Readonly<Record<string, string>> {
  const keys = Object.keys(pax).filter((key) => key.startsWith(prefix));
  if (keys.length === 0) return noXattrs;
  return Object.fromEntries(keys.map((key) => [key.slice(cut), pax[key] ?? '']));
}
