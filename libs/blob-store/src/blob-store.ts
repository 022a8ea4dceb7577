import type { Readable } from 'node:stream';
import type { StorageKey } from './storage-key.js';

/**
 * Bytes under storage keys. A key is used for one upload and never again, so a
 * delete can never hit bytes that somebody stored later. Which digest lives
 * under which key is the database's business.
 */
export interface BlobStore {
  /**
   * Starts an upload of exactly `sizeBytes`, or goes on with one that another
   * worker left. Nothing can be read before `commit`. Without `resume`, what an
   * earlier upload of this key left behind is thrown away; with it, the upload
   * goes on at `offsetBytes`, which is 0 when nothing usable is left and
   * `sizeBytes` when the earlier worker died after its commit. One owner at a
   * time: the caller fences off the earlier one.
   *
   * A blob that is made while it is written has no size beforehand: with `null`
   * the commit takes whatever was written, up to 156 GiB, and a resume always
   * begins at 0.
   *
   * @throws {BlobStoreUnavailableError} backend refused or timed out; retry
   */
  openUpload(key: StorageKey, sizeBytes: number | null, resume?: UploadState): Promise<Upload>;

  /**
   * Opens the bytes from `fromByte` (0-based, default 0) to `toByte` (exclusive,
   * default the end); past the end there is nothing, which is no error. The
   * caller must read the stream to its end or destroy it; `signal` destroys it.
   *
   * @throws {BlobNotFoundError} no such key; do not retry
   */
  open(key: StorageKey, range?: ByteRange, signal?: AbortSignal): Promise<Readable>;

  /**
   * The same bytes in pieces, each good until the next one is asked for: who is done with a piece by then needs no new
   * memory for each. Ends like any generator, at the last byte or by `return`.
   *
   * @throws {BlobNotFoundError} no such key; do not retry
   */
  pieces(key: StorageKey, range?: ByteRange, signal?: AbortSignal): AsyncGenerator<Buffer>;

  /** Idempotent: resolving means the bytes are gone, those of unfinished uploads of the key included. */
  delete(key: StorageKey): Promise<void>;
}

/** Walks everything that was committed, in no order; for the reconciler and for tests. What comes or goes meanwhile may be missed. */
export interface BlobStoreListing {
  list(): AsyncIterable<StoredBlob>;
}

/** For health checks: resolves when the store answers, after making its folder or bucket if it is missing. */
export interface BlobStoreReadiness {
  ensureReady(): Promise<void>;
}

/** How much more fits; null when the backend has no end that we know of. */
export interface BlobStoreSpace {
  freeBytes(): Promise<number | null>;
}

export interface StoredBlob {
  key: StorageKey;
  sizeBytes: number;
}

export interface ByteRange {
  fromByte?: number;
  toByte?: number;
}

/** JSON. What another process needs to go on with an upload; each adapter reads its own. */
export type UploadState = Record<string, unknown>;

/** How far an upload is kept, and what a resume from there needs. */
export interface SafeState {
  safeBytes: number;
  state: UploadState;
}

/** One blob on its way in. The caller ends it by `commit`, `abort` or `suspend`; what a dead process left can be resumed. */
export interface Upload {
  /**
   * Where to go on: 0 for a new upload. Bytes before it are taken over as they
   * are, so whoever resumes reads the blob back after `commit` to check it.
   */
  readonly offsetBytes: number;

  /**
   * Takes the next bytes; the buffer is the caller's again when this returns.
   * Gives nothing when there is room, else a promise to wait for before the
   * next write. Never throws: a failure, also of an earlier write, rejects.
   *
   * @throws {BlobSizeMismatchError} more than `sizeBytes`, or than an upload without a size may have; nothing beyond
   * is stored
   * @throws {BlobStoreFullError} @throws {BlobStoreUnavailableError}
   * @throws {BlobUploadLostError} aborted, deleted or taken over
   */
  write(chunk: Buffer): void | Promise<void>;

  /** What survives this process (not a power cut): a resume with `state` goes on at `safeBytes`. */
  state(): SafeState;

  /**
   * Makes the bytes readable, all at once and durably. Idempotent, and may be
   * tried again after a retryable error of its own; after a failed write only a
   * resume helps.
   *
   * @throws {BlobSizeMismatchError} a size was given, and not exactly so many bytes were written
   */
  commit(): Promise<void>;

  /**
   * Idempotent: nothing remains; after `commit` it does nothing. Only for the
   * owner: a worker that lost its claim suspends, and leaves the rest to the next one.
   */
  abort(): Promise<void>;

  /** Stores what can be kept and lets go of it, for a resume with the returned state, here or elsewhere. Idempotent. */
  suspend(): Promise<SafeState>;
}

/** There are no bytes under this key. */
export class BlobNotFoundError extends Error {
  override readonly name = 'BlobNotFoundError';
  readonly code = 'BLOB_NOT_FOUND' as const;
  readonly retryable = false;

  constructor(readonly key: StorageKey) {
    super(`no blob under ${key}`);
  }
}

/** The backend did not answer, or answered that it cannot now. */
export class BlobStoreUnavailableError extends Error {
  override readonly name = 'BlobStoreUnavailableError';
  readonly code = 'BLOB_STORE_UNAVAILABLE' as const;
  readonly retryable = true;

  constructor(what: string, reason: string, options?: ErrorOptions) {
    super(`blob store is unavailable for ${what}: ${reason}`, options);
  }
}

/** The disk, the bucket or the quota is full. Trying again helps only after somebody made room. */
export class BlobStoreFullError extends Error {
  override readonly name = 'BlobStoreFullError';
  readonly code = 'BLOB_STORE_FULL' as const;
  readonly retryable = false;

  constructor(what: string, options?: ErrorOptions) {
    super(`blob store is full: no room for ${what}`, options);
  }
}

/** The backend understood and said no: wrong credentials, missing rights, a name it does not take. */
export class BlobStoreRefusedError extends Error {
  override readonly name = 'BlobStoreRefusedError';
  readonly code = 'BLOB_STORE_REFUSED' as const;
  readonly retryable = false;

  constructor(what: string, reason: string, options?: ErrorOptions) {
    super(`blob store refuses ${what}: ${reason}`, options);
  }
}

/** The upload does not exist any more: aborted, deleted, swept, or taken over by another worker. Start again. */
export class BlobUploadLostError extends Error {
  override readonly name = 'BlobUploadLostError';
  readonly code = 'BLOB_UPLOAD_LOST' as const;
  readonly retryable = true;

  constructor(readonly key: StorageKey) {
    super(`the upload of ${key} does not exist any more`);
  }
}

/** More or fewer bytes were written than the upload was opened for. */
export class BlobSizeMismatchError extends Error {
  override readonly name = 'BlobSizeMismatchError';
  readonly code = 'BLOB_SIZE_MISMATCH' as const;
  readonly retryable = false;

  constructor(
    readonly key: StorageKey,
    readonly expectedBytes: number,
    readonly actualBytes: number,
  ) {
    super(`upload of ${key}: expected ${expectedBytes} bytes, got ${actualBytes}`);
  }
}

/** So many bytes an upload may get whose size was not given: what S3 takes in parts of 16 MiB. */
export const maxUnsizedBytes = 10_000 * 16 * 1024 * 1024;
