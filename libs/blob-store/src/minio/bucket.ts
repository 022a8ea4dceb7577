import http from 'node:http';
import https from 'node:https';
import type { Readable } from 'node:stream';
import { Client } from 'minio';
import { Agent, request } from 'undici';
import { type StoredBlob } from '../blob-store.js';
import { checkStorageKey, type StorageKey } from '../storage-key.js';
import { isBucketTaken, isMissing, S3ResponseError, s3Error } from './errors.js';
import { openObject } from './object-reader.js';

/** Where a bucket is and who asks. */
export interface S3Address {
  host: string;
  port: number;
  tls: boolean;
  accessKey: string;
  secretKey: string;
  /** Without it minio asks the server where the bucket is before anything else. */
  region: string;
  bucket: string;
}

/** A part of a multipart upload as the server keeps it; numbered from 1. */
export interface StoredPart {
  number: number;
  etag: string;
  sizeBytes: number;
}

const answerTimeoutMs = 60_000;
const connectTimeoutMs = 10_000;
const maxConnections = 64;
const linkSeconds = 3600;

/**
 * The requests that the adapter makes, one method each, with the errors of the
 * port. minio signs, and does what has no body; bodies go through undici, since
 * minio hashes them twice and buffers them whole.
 */
export class S3Bucket {
  readonly #client: S3Client;
  readonly #agent = new Agent({
    connections: maxConnections,
    headersTimeout: answerTimeoutMs,
    bodyTimeout: answerTimeoutMs,
    connect: { timeout: connectTimeoutMs },
  });

  constructor(private readonly address: S3Address) {
    this.#client = new S3Client(address);
  }

  /** Makes the bucket if it is missing. */
  ensure(): Promise<void> {
    const { bucket, region } = this.address;
    return attempt(`bucket ${bucket}`, async () => {
      if (await this.#client.bucketExists(bucket)) return;
      await this.#client.makeBucket(bucket, region).catch((error) => {
        if (!isBucketTaken(error)) throw error;
      });
    });
  }

  put(key: StorageKey, body: Buffer, signal?: AbortSignal): Promise<void> {
    return attempt(`storing ${key}`, async () => {
      await this.#put(key, {}, body, signal);
    });
  }

  startUpload(key: StorageKey): Promise<string> {
    const headers = { 'content-type': 'application/octet-stream' };
    return attempt(`storing ${key}`, () =>
      this.#client.initiateNewMultipartUpload(this.address.bucket, key, headers),
    );
  }

  /** @throws {BlobUploadLostError} */
  putPart(key: StorageKey, uploadId: string, number: number, body: Buffer, signal?: AbortSignal): Promise<string> {
    const query = { partNumber: String(number), uploadId };
    return attempt(`part ${number} of ${key}`, () => this.#put(key, query, body, signal), key);
  }

  /** @throws {BlobUploadLostError} */
  completeUpload(key: StorageKey, uploadId: string, etags: readonly string[]): Promise<void> {
    const parts = etags.map((etag, index) => ({ part: index + 1, etag }));
    return attempt(
      `storing ${key}`,
      async () => {
        await this.#client.completeMultipartUpload(this.address.bucket, key, uploadId, parts);
      },
      key,
    );
  }

  /** The parts in order. @throws {BlobUploadLostError} */
  listParts(key: StorageKey, uploadId: string): Promise<StoredPart[]> {
    return attempt(
      `the upload of ${key}`,
      async () => {
        const parts = await this.#client.parts(this.address.bucket, key, uploadId);
        return parts.map(({ part, etag, size }) => ({ number: part, etag, sizeBytes: size }));
      },
      key,
    );
  }

  /** Ends every unfinished upload of this key, and returns when none is left. */
  abortUploads(key: StorageKey): Promise<void> {
    const { bucket } = this.address;
    return attempt(`the upload of ${key}`, async () => {
      let uploadId = await this.#client.findUploadId(bucket, key);
      while (uploadId !== undefined) {
        await this.#client.abortMultipartUpload(bucket, key, uploadId).catch(ignoreMissingUpload);
        uploadId = await this.#client.findUploadId(bucket, key);
      }
    });
  }

  get(key: StorageKey, headers: Record<string, string>): Promise<Readable> {
    return attempt(`reading ${key}`, async () => {
      const url = await this.#client.presignedUrl('GET', this.address.bucket, key, linkSeconds);
      return openObject(this.#agent, url, headers, `reading ${key}`);
    });
  }

  /** The size of a committed object, or null. */
  async findSize(key: StorageKey): Promise<number | null> {
    return attempt(`looking up ${key}`, async () => {
      try {
        return (await this.#client.statObject(this.address.bucket, key)).size;
      } catch (error) {
        if (isMissing(error)) return null;
        throw error;
      }
    });
  }

  remove(key: StorageKey): Promise<void> {
    return attempt(`deleting ${key}`, () => this.#client.removeObject(this.address.bucket, key));
  }

  async *list(): AsyncGenerator<StoredBlob> {
    try {
      for await (const { name, size } of this.#client.listObjectsV2(this.address.bucket, '', true)) {
        if (isStorageKey(name)) yield { key: name, sizeBytes: size };
      }
    } catch (error) {
      throw s3Error(error, `listing bucket ${this.address.bucket}`);
    }
  }
…
