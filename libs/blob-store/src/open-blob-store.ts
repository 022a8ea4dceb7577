import { fileURLToPath } from 'node:url';
import type { BlobStore, BlobStoreListing, BlobStoreReadiness, BlobStoreSpace } from './blob-store.js';
import { FilesystemBlobStore } from './filesystem.js';
import type { S3Address } from './minio/client.js';
import { MinioBlobStore, type MinioOptions } from './minio.js';

/**
 * The store that an address names: `file:///folder`, or
 * `s3://KEY:SECRET@host:port/bucket?region=…&tls=false` (TLS by default, region
 * us-east-1). Opens nothing yet, and needs no closing.
 *
 * @throws {BlobStoreUrlError} do not retry
 */
export function openBlobStore(
  url: string,
  options: MinioOptions = {},
): BlobStore & BlobStoreListing & BlobStoreReadiness & BlobStoreSpace {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed?.protocol === 'file:') return new FilesystemBlobStore(folderOf(parsed));
  if (parsed?.protocol === 's3:') return new MinioBlobStore(s3AddressOf(parsed), options);
  throw new BlobStoreUrlError('it must start with file:/// or s3://');
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

function folderOf(url: URL): string {
  if (url.host !== '') throw new BlobStoreUrlError('a file url has three slashes and no host');
  if (url.search !== '' || url.hash !== '') throw new BlobStoreUrlError('a file url has no parameters');
  const folder = pathOf(url);
  if (folder === '/') throw new BlobStoreUrlError('the root folder cannot be the store');
  return folder;
}

function pathOf(url: URL): string {
  try {
    return fileURLToPath(url);
  } catch {
    throw new BlobStoreUrlError('its path cannot be read');
  }
}

function s3AddressOf(url: URL): S3Address {
  const tls = tlsOf(url.searchParams);
  const bucket = url.pathname.slice(1).replace(/\/$/, '');
  if (url.hostname === '') throw new BlobStoreUrlError('it names no host');
  if (!/^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/i.test(url.hostname)) throw new BlobStoreUrlError('its host cannot be used');
  if (url.username === '' || url.password === '') throw new BlobStoreUrlError('it lacks KEY:SECRET before the host');
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) {
    throw new BlobStoreUrlError('its path must be one bucket, in lower case');
  }
  return {
    host: url.hostname,
    port: url.port === '' ? (tls ? 443 : 80) : Number(url.port),
    tls,
    accessKey: decoded(url.username),
    secretKey: decoded(url.password),
    region: url.searchParams.get('region') ?? 'us-east-1',
    bucket,
  };
}

function tlsOf(parameters: URLSearchParams): boolean {
  for (const name of parameters.keys()) {
    if (name !== 'region' && name !== 'tls') throw new BlobStoreUrlError('it knows the parameters region and tls only');
  }
  const tls = parameters.get('tls') ?? 'true';
  if (tls !== 'true' && tls !== 'false') throw new BlobStoreUrlError('tls must be true or false');
  return tls === 'true';
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new BlobStoreUrlError('KEY:SECRET is not percent-encoded');
  }
}
