import type { Digest } from '@entrepot/oci';
import type { TarEntryType } from './tar-entry.js';

/** Where the bytes of a written file are. */
export type WrittenContent =
  | { kind: 'inline'; bytes: Buffer }
  /** They are kept with the entry of a path, and have not been read. */
  | { kind: 'kept'; path: string }
  /** From `offsetBytes` on in a blob. */
  | { kind: 'blob'; digest: Digest; offsetBytes: number }
  /** They are those of a file in the layers below. */
  | { kind: 'below'; path: string };

/** What a file is besides its bytes. Texts stand for bytes (byte-text.ts). */
export interface FileAttributes {
  type: Exclude<TarEntryType, 'link'>;
  mode: number;
  uid: number;
  gid: number;
  sizeBytes: number;
  mtimeMs: number;
  /** Of symlinks only. */
  linkTarget: string | null;
  /** Of devices only. */
  device: { major: number; minor: number } | null;
  xattrs: Readonly<Record<string, string>>;
}

/** One path of a writable layer. */
export interface WrittenEntry extends Omit<FileAttributes, 'type'> {
  /** Clean; '' is the root. */
  path: string;
  type: FileAttributes['type'] | 'whiteout';
  /** A directory that hides what the layers below have in it. */
  opaque: boolean;
  /** The layers below have something at this path. */
  covers: boolean;
  /** The same for all names of one file; null for a file with one name. */
  inode: number | null;
  content: WrittenContent | null;
}
