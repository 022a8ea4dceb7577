import {
  BlobNotFoundError,
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
  if (key !== undefined && code === 'NoSuchUpload') return new BlobUploadLostError(key);
  if (key !== undefined && missingCodes.includes(code)) return new BlobNotFoundError(key);
  if (status === 507 || fullCodes.includes(code)) return new BlobStoreFullError(what, { cause: error });
  if (refusedCodes.includes(code) || status === 401 || status === 403) {
    return new BlobStoreRefusedError(what, code || `status ${status}`, { cause: error });
  }
  return new BlobStoreUnavailableError(what, reasonOf(error, code), { cause: error });
}

export function isBucketTaken(error: unknown): boolean {
  return ['BucketAlreadyOwnedByYou', 'BucketAlreadyExists'].includes(codeOf(error));
}

/** The answer to a HEAD has no document; minio calls its 404 NotFound. */
const missingCodes = ['NoSuchKey', 'NotFound'];

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
  'NoSuchBucket',
  'PermanentRedirect',
  'SignatureDoesNotMatch',
];

function isOurs(error: unknown): boolean {
  return (error as { retryable?: boolean }).retryable !== undefined;
}

function codeOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : '';
}

function reasonOf(error: unknown, code: string): string {
  if (error instanceof S3ResponseError) return error.message;
  return code || (error as Error).message;
}
