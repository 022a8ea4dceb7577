import type { Digest } from '@entrepot/oci';

/** One entry of an archive that may be content. */
export interface ArchiveEntry {
  path: string;
  sizeBytes: number;
  /** What the name promises (`blobs/sha256/…`); null for the files of older archives, which promise nothing. */
  digest: Digest | null;
}

/** What a sink has kept. */
export interface StoredEntry {
  /** By the algorithm of the entry's promise, sha256 when there is none. */
  digest: Digest;
  sizeBytes: number;
  /** sha256 of the unpacked bytes; expected for entries without a promise, see `meterEntry`. */
  diffId?: Digest;
}

/** Keeps blobs while an archive is read. Nothing of it is needed yet: what it was for is known at the end. */
export interface ArchiveSink {
  /**
   * Stores one entry. The body may be left unread when the promised digest is here already. Its failure is a failure
   * of the archive; any other error ends the reading and reaches the caller as it is. A content that breaks its promise
   * is found out by the reader, from the digest returned.
   */
  put(entry: ArchiveEntry, body: AsyncIterable<Buffer>): Promise<StoredEntry>;
}
