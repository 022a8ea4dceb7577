import { addAbortSignal, Readable } from 'node:stream';
import {
  BlobNotFoundError,
  type BlobStore,
  type BlobStoreListing,
  type BlobStoreReadiness,
  type BlobStoreSpace,
  BlobUploadLostError,
  type ByteRange,
  maxUnsizedBytes,
  type StoredBlob,
  type Upload,
  type UploadState,
} from './blob-store.js';
import { checkRange, checkSize } from './byte-range.js';
import { CommittedUpload } from './committed-upload.js';
import { S3Bucket, type StoredPart } from './minio/bucket.js';
import { BufferedUpload } from './minio/buffered-upload.js';
import type { S3Address } from './minio/client.js';
import { MultipartUpload } from './minio/multipart-upload.js';
import { defaultRetryDelaysMs, retried } from './minio/retry.js';
import { UnsizedUpload } from './minio/unsized-upload.js';
import { checkStorageKey, type StorageKey } from './storage-key.js';

export interface MinioOptions {
  /** Pauses between the tries of one request while the server is away. */
  retryDelaysMs?: readonly number[];
}

const mebibyte = 1024 * 1024;
const maxSinglePutBytes = 16 * mebibyte;
const windowParts = 4;
const maxParts = 10_000;

/**
 * Blobs as objects of one bucket of MinIO, or of anything that speaks S3: one
 * PUT up to 16 MiB, multipart above, with four parts in memory at most. The bucket
 * is ours alone: objects that have no storage key as their name are not listed.
 */
export class MinioBlobStore implements BlobStore, BlobStoreListing, BlobStoreReadiness, BlobStoreSpace {
  readonly #bucket: S3Bucket;
  readonly #retryDelaysMs: readonly number[];
  #ready: Promise<void> | null = null;

  constructor(address: S3Address, { retryDelaysMs = defaultRetryDelaysMs }: MinioOptions = {}) {
    this.#bucket = new S3Bucket(address);
    this.#retryDelaysMs = retryDelaysMs;
  }

  async openUpload(key: StorageKey, sizeBytes: number | null, resume?: UploadState): Promise<Upload> {
    checkStorageKey(key);
    checkSize(sizeBytes);
    await this.#prepare();
    if (sizeBytes === null) return new UnsizedUpload(key, maxSinglePutBytes, (size) => this.#start(key, size));
    const resumed = resume === undefined ? null : await this.#resume(key, sizeBytes, resume);
    return resumed ?? this.#start(key, sizeBytes);
  }

  async open(key: StorageKey, range: ByteRange = {}, signal?: AbortSignal): Promise<Readable> {
    checkStorageKey(key);
    const { fromByte, toByte } = checkRange(range);
    await this.#prepare();
    signal?.throwIfAborted();
    const stream = await this.#retried(() => this.#openRange(key, fromByte, toByte));
    return signal === undefined ? stream : addAbortSignal(signal, stream);
  }

  async *pieces(key: StorageKey, range?: ByteRange, signal?: AbortSignal): AsyncGenerator<Buffer> {
    yield* (await this.open(key, range, signal)) as AsyncIterable<Buffer>;
  }

  async delete(key: StorageKey): Promise<void> {
    checkStorageKey(key);
    await this.#prepare();
    await this.#retried(async () => {
      // First what could still become an object.
      await this.#bucket.abortUploads(key);
      await this.#bucket.remove(key);
    });
  }

  async *list(): AsyncGenerator<StoredBlob> {
    await this.#prepare();
    yield* this.#bucket.list();
  }

  ensureReady(): Promise<void> {
    return this.#bucket.ensure();
  }

  /** A bucket does not say. */
  async freeBytes(): Promise<null> {
    return null;
  }

  /** Once for each process, unless it failed. */
  #prepare(): Promise<void> {
    this.#ready ??= this.#retried(() => this.ensureReady()).catch((error) => {
      this.#ready = null;
      throw error;
    });
    return this.#ready;
  }

  async #start(key: StorageKey, sizeBytes: number | null): Promise<Upload> {
    if (sizeBytes !== null && sizeBytes <= maxSinglePutBytes) {
      return new BufferedUpload(this.#bucket, key, sizeBytes, this.#retryDelaysMs);
    }
    const uploadId = await this.#retried(async () => {
      await this.#bucket.abortUploads(key);
      return this.#bucket.startUpload(key);
    });
    return this.#multipart(key, sizeBytes, uploadId, partSizeFor(sizeBytes ?? maxUnsizedBytes));
  }

  /** Goes on with the parts that the server has, or says that the blob is there; null when nothing is left. */
  async #resume(key: StorageKey, sizeBytes: number, resume: UploadState): Promise<Upload | null> {
    const { uploadId, partSizeBytes, safeBytes } = resume;
    if (typeof uploadId === 'string' && typeof partSizeBytes === 'number' && typeof safeBytes === 'number') {
      const parts = await this.#retried(() => this.#bucket.listParts(key, uploadId)).catch(nullIfLost);
      const usable = parts && usableParts(parts, { sizeBytes, partSizeBytes, safeBytes });
      if (usable !== null) return this.#multipart(key, sizeBytes, uploadId, partSizeBytes, usable);
    }
    const storedBytes = await this.#retried(() => this.#bucket.findSize(key));
    return storedBytes === sizeBytes ? new CommittedUpload(key, sizeBytes, () => this.delete(key)) : null;
  }

  #multipart(
    key: StorageKey,
    sizeBytes: number | null,
    uploadId: string,
    partSizeBytes: number,
    stored: StoredPart[] = [],
  ): Upload {
    const options = { partSizeBytes, windowParts, retryDelaysMs: this.#retryDelaysMs };
    return new MultipartUpload(this.#bucket, key, sizeBytes, uploadId, options, stored);
  }

  /** HTTP has no empty range. */
  async #openRange(key: StorageKey, fromByte: number, toByte: number): Promise<Readable> {
    if (fromByte < toByte) return this.#bucket.get(key, fromByte, toByte);
    if ((await this.#bucket.findSize(key)) === null) throw new BlobNotFoundError(key);
    return Readable.from([]);
  }

  #retried<T>(request: () => Promise<T>): Promise<T> {
    return retried(this.#retryDelaysMs, request);
  }
}

/** 8 MiB, 16 MiB above 1 GiB, and beyond 156 GiB as large as 10,000 parts demand. */
function partSizeFor(sizeBytes: number): number {
  const usualBytes = (sizeBytes > 1024 * mebibyte ? 16 : 8) * mebibyte;
  const neededBytes = Math.ceil(sizeBytes / maxParts / mebibyte) * mebibyte;
  return Math.max(usualBytes, neededBytes);
}

/** The parts from the first on without a gap, whole, and covered by the state. */
function usableParts(
  parts: StoredPart[],
  { sizeBytes, partSizeBytes, safeBytes }: { sizeBytes: number; partSizeBytes: number; safeBytes: number },
): StoredPart[] {
  const firstUnusable = parts.findIndex((part, index) => {
    const endByte = Math.min((index + 1) * partSizeBytes, sizeBytes);
    const isWhole = part.number === index + 1 && part.sizeBytes === endByte - index * partSizeBytes;
    return !isWhole || endByte > safeBytes;
  });
  return firstUnusable === -1 ? parts : parts.slice(0, firstUnusable);
}

function nullIfLost(error: unknown): null {
  if (error instanceof BlobUploadLostError) return null;
  throw error;
}
