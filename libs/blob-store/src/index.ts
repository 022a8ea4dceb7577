export {
  BlobNotFoundError,
  BlobSizeMismatchError,
  type BlobStore,
  BlobStoreFullError,
  type BlobStoreListing,
  type BlobStoreReadiness,
  BlobStoreRefusedError,
  type BlobStoreSpace,
  BlobStoreUnavailableError,
  BlobUploadLostError,
  type ByteRange,
  type SafeState,
  type StoredBlob,
  type Upload,
  type UploadState,
} from './blob-store.js';
export { BlobStoreUrlError, openBlobStore } from './open-blob-store.js';
export { InvalidStorageKeyError, newStorageKey, type StorageKey } from './storage-key.js';
