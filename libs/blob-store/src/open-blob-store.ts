import type { BlobStore, BlobStoreListing, BlobStoreReadiness } from './blob-store.js';

/** The store that `file:///dir` or `s3://KEY:SECRET@host:port/bucket?region=…&tls=false` names. */
export function openBlobStore(_url: string): BlobStore & BlobStoreListing & BlobStoreReadiness {
  throw new Error('not written yet');
}

/** The address of the store is wrong. The message never contains it, since it may hold a secret. */
export class BlobStoreUrlError extends Error {
  override readonly name = 'BlobStoreUrlError';
  readonly code = 'BLOB_STORE_URL' as const;
  readonly retryable = false;

  constructor(reason: string) {
    super(`invalid blob store url: ${reason}`);
  }
}
