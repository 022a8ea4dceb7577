import { Readable } from 'node:stream';
import { BlobNotFoundError, BlobUploadLostError, type StoredBlob } from '../blob-store.js';
import { isStorageKey, type StorageKey } from '../storage-key.js';
import { openS3, type S3Address, type S3Tools } from './client.js';
import { isBucketTaken, S3ResponseError, s3Error } from './errors.js';
import { openObject } from './object-reader.js';

/** A part of a multipart upload as the server keeps it; numbered from 1. */
export interface StoredPart {
  number: number;
  etag: string;
  sizeBytes: number;
}

const linkSeconds = 3600;
const maxUploadsOfOneKey = 100;

/**
 * The requests that the adapter makes, one method each, with the errors of the
 * port. minio signs, and does what has no body; bodies go through undici, since
 * minio buffers them whole and hashes them twice.
 */
export class S3Bucket {
  #opened: Promise<S3Tools> | undefined;
  readonly #name: string;

  constructor(private readonly address: S3Address) {
    this.#name = address.bucket;
  }

  /** Makes the bucket if it is missing. */
  ensure(): Promise<void> {
    return attempt(`bucket ${this.#name}`, async () => {
      const { client } = await this.#tools();
      if (await client.bucketExists(this.#name)) return;
      await client.makeBucket(this.#name, this.address.region).catch((error) => {
        if (!isBucketTaken(error)) throw error;
      });
    });
  }

  async put(key: StorageKey, body: Buffer, signal: AbortSignal): Promise<void> {
    await this.#put(key, {}, body, signal);
  }

  startUpload(key: StorageKey): Promise<string> {
    const headers = { 'content-type': 'application/octet-stream' };
    return this.#about('the upload of', key, ({ client }) =>
      client.initiateNewMultipartUpload(this.#name, key, headers),
    );
  }

  /** Gives the part's etag. @throws {BlobUploadLostError} */
  putPart(key: StorageKey, uploadId: string, number: number, body: Buffer, signal: AbortSignal): Promise<string> {
    return this.#put(key, { partNumber: String(number), uploadId }, body, signal);
  }

  /** The etags of all parts, from number 1 on. @throws {BlobUploadLostError} */
  async completeUpload(key: StorageKey, uploadId: string, etags: readonly string[]): Promise<void> {
    const parts = etags.map((etag, index) => ({ part: index + 1, etag }));
    const complete = ({ client }: S3Tools) => client.completeMultipartUpload(this.#name, key, uploadId, parts);
    await this.#about('the upload of', key, complete);
  }

  /** In the order of their numbers. @throws {BlobUploadLostError} */
  async listParts(key: StorageKey, uploadId: string): Promise<StoredPart[]> {
    const parts = await this.#about('the upload of', key, ({ client }) => client.parts(this.#name, key, uploadId));
    return parts.map(({ part, etag, size }) => ({ number: part, etag, sizeBytes: size }));
  }

  /** Ends every unfinished upload of this key. */
  abortUploads(key: StorageKey): Promise<void> {
    return this.#about('the upload of', key, async ({ client }) => {
      for (let round = 0; round < maxUploadsOfOneKey; round++) {
        const uploadId = await client.findUploadId(this.#name, key);
        if (uploadId === undefined) return;
        await this.abortUpload(key, uploadId);
      }
    });
  }

  /** Idempotent. */
  async abortUpload(key: StorageKey, uploadId: string): Promise<void> {
    const abort = ({ client }: S3Tools) => client.abortMultipartUpload(this.#name, key, uploadId);
    await this.#about('the upload of', key, abort).catch(unlessLost);
  }

  /** Bytes past the end are not there, which is no error. */
  get(key: StorageKey, fromByte: number, toByte: number): Promise<Readable> {
    return this.#about('reading', key, async ({ client, agent }) => {
      const url = await client.presignedUrl('GET', this.#name, key, linkSeconds);
      return openObject(agent, url, rangeHeaders(fromByte, toByte), `reading ${key}`).catch(emptyPastTheEnd);
    });
  }

  /** The size of a committed object, or null. */
  async findSize(key: StorageKey): Promise<number | null> {
    const stat = ({ client }: S3Tools) => client.statObject(this.#name, key);
    return this.#about('looking up', key, stat).then(({ size }) => size, nullIfMissing);
  }

  /** Idempotent. */
  remove(key: StorageKey): Promise<void> {
    return this.#about('deleting', key, ({ client }) => client.removeObject(this.#name, key));
  }

  async *list(): AsyncGenerator<StoredBlob> {
    const { client } = await this.#tools();
    try {
      for await (const { name, size } of client.listObjectsV2(this.#name, '', true)) {
        if (isStorageKey(name)) yield { key: name, sizeBytes: size };
      }
    } catch (error) {
      throw s3Error(error, `listing bucket ${this.#name}`);
    }
  }

  #put(key: StorageKey, query: Record<string, string>, body: Buffer, signal: AbortSignal): Promise<string> {
    return this.#about('storing', key, async ({ client, agent }) => {
      const url = await client.presignedUrl('PUT', this.#name, key, linkSeconds, query);
      const { origin, pathname, search } = new URL(url);
      const answer = await agent.request({ origin, path: pathname + search, method: 'PUT', body, signal });
      // Read to its end in any case: an unread body would keep its connection.
      const text = await answer.body.text();
      if (answer.statusCode !== 200) throw S3ResponseError.of(answer.statusCode, text);
      return String(answer.headers.etag ?? '');
    });
  }

  #about<T>(doing: string, key: StorageKey, action: (tools: S3Tools) => Promise<T>): Promise<T> {
    return attempt(`${doing} ${key}`, async () => action(await this.#tools()), key);
  }

  #tools(): Promise<S3Tools> {
    this.#opened ??= openS3(this.address);
    return this.#opened;
  }
}

async function attempt<T>(what: string, action: () => Promise<T>, key?: StorageKey): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw s3Error(error, what, key);
  }
}

function rangeHeaders(fromByte: number, toByte: number): Record<string, string> {
  if (fromByte === 0 && toByte === Number.POSITIVE_INFINITY) return {};
  return { range: `bytes=${fromByte}-${toByte === Number.POSITIVE_INFINITY ? '' : toByte - 1}` };
}

function emptyPastTheEnd(error: unknown): Readable {
  if (error instanceof S3ResponseError && error.status === 416) return Readable.from([]);
  throw error;
}

function nullIfMissing(error: unknown): null {
  if (error instanceof BlobNotFoundError) return null;
  throw error;
}

function unlessLost(error: unknown): void {
  if (!(error instanceof BlobUploadLostError)) throw error;
}
