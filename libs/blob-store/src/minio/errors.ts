import {
  BlobStoreFullError,
  BlobStoreRefusedError,
  BlobStoreUnavailableError,
  BlobUploadLostError,
} from '../blob-store.js';
import type { StorageKey } from '../storage-key.js';

/** An answer of the server other than success, as our own requests see it; minio's `S3Error` has the same `code`. */
export class S3ResponseError extends Error {
  override readonly name = 'S3ResponseError';

  constructor(
    readonly status: number,
    readonly code: string,
  ) {
    super(`status ${status} ${code}`);
  }

  /** Reads the code out of the XML document that S3 servers send. */
  static of(status: number, body: string): S3ResponseError {
    return new S3ResponseError(status, /<Code>([A-Za-z0-9]{1,80})<\/Code>/.exec(body)?.[1] ?? '');
  }
}

/** Turns what minio, undici or the server says into the errors of the port; these themselves pass through. */
export function s3Error(error: unknown, what: string, key?: StorageKey): unknown {
  if (isOurs(error)) return error;
  const code = codeOf(error);
  const status = error instanceof S3ResponseError ? error.status : 0;
  if (code === 'NoSuchUpload' && key !== undefined) return new BlobUploadLostError(key);
  if (status === 507 || fullCodes.includes(code)) return new BlobStoreFullError(what, { cause: error });
  if (refusedCodes.includes(code) || status === 401 || status === 403) {
    return new BlobStoreRefusedError(what, code || `status ${status}`, { cause: error });
  }
  return new BlobStoreUnavailableError(what, reasonOf(error, code), { cause: error });
}

/** The object is not there. A HEAD has no document and minio calls it NotFound. */
export function isMissing(error: unknown): boolean {
  return ['NoSuchKey', 'NotFound'].includes(codeOf(error));
}

export function isBucketTaken(error: unknown): boolean {
  return ['BucketAlreadyOwnedByYou', 'BucketAlreadyExists'].includes(codeOf(error));
}

const fullCodes = ['XMinioStorageFull', 'XMinioAdminBucketQuotaExceeded', 'QuotaExceeded', 'InsufficientStorage'];

const refusedCodes = [
  'AccessDenied',
  'AllAccessDisabled',
  'AuthorizationHeaderMalformed',
  'EntityTooLarge',
  'ExpiredToken',
  'InvalidAccessKeyId',
  'InvalidBucketName',
  'InvalidToken',
  'MethodNotAllowed',
  'MovedPermanently',
  'PermanentRedirect',
  'SignatureDoesNotMatch',
];

function isOurs(error: unknown): boolean {
  return error instanceof Error && 'retryable' in error;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

function reasonOf(error: unknown, code: string): string {
  if (error instanceof S3ResponseError) return error.message;
  return code || (error instanceof Error ? error.message : String(error));
}
