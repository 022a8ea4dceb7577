import type { Digest } from '@entrepot/oci';

/** What a blob was to be, or turned out to be. */
export interface BlobFacts {
  digest?: Digest;
  sizeBytes: number;
}

/**
 * The bytes were not what was promised. When some of them came from an earlier try (`resumed`), a fresh start may
 * still do; nothing of this try is kept.
 */
export class BlobMismatchError extends Error {
  override readonly name = 'BlobMismatchError';
  readonly code = 'BLOB_MISMATCH' as const;
  readonly retryable = false;

  constructor(
    readonly expected: BlobFacts,
    readonly actual: BlobFacts,
    readonly resumed = false,
  ) {
    super(`blob ${describe(expected)}: got ${describe(actual)}`);
  }
}

function describe({ digest, sizeBytes }: BlobFacts): string {
  return `${digest ?? 'of unknown digest'} (${sizeBytes} bytes)`;
}

/** The upload ran out of time or was taken over; what it wrote is not to be used. */
export class UploadLostError extends Error {
  override readonly name = 'UploadLostError';
  readonly code = 'UPLOAD_LOST' as const;
  readonly retryable = true;

  constructor(readonly storageKey: string) {
    super(`the upload ${storageKey} is no longer ours`);
  }
}

/** Somebody else fetches this blob by now, or it is here already. Leave everything as it is. */
export class FetchLostError extends Error {
  override readonly name = 'FetchLostError';
  readonly code = 'FETCH_LOST' as const;
  readonly retryable = false;

  constructor(readonly digest: Digest) {
    super(`the fetch of ${digest} is no longer ours`);
  }
}

/** The blob is not here, or not any more. */
export class BlobGoneError extends Error {
  override readonly name = 'BlobGoneError';
  readonly code = 'BLOB_GONE' as const;
  readonly retryable = false;

  constructor(readonly digest: Digest) {
    super(`blob ${digest} is not stored here`);
  }
}

/** The pull does not exist, or is not in the state this step is for. */
export class PullEndedError extends Error {
  override readonly name = 'PullEndedError';
  readonly code = 'PULL_ENDED' as const;
  readonly retryable = false;

  constructor(
    readonly pullId: string,
    readonly state: string,
  ) {
    super(`pull ${pullId} is ${state}`);
  }
}

/** The manifests and configs of an image do not fit together. */
export class InvalidImageError extends Error {
  override readonly name = 'InvalidImageError';
  readonly code = 'INVALID_IMAGE' as const;
  readonly retryable = false;

  constructor(
    readonly digest: Digest,
    reason: string,
  ) {
    super(`image ${digest}: ${reason}`);
  }
}

/** What is in a layer is not known (yet). */
export class LayerNotIndexedError extends Error {
  override readonly name = 'LayerNotIndexedError';
  readonly code = 'LAYER_NOT_INDEXED' as const;
  readonly retryable = true;

  constructor(readonly digest: Digest) {
    super(`layer ${digest} is not analysed`);
  }
}
