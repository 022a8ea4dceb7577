import { pathToFileURL } from 'node:url';
import { FilesystemBlobStore } from './filesystem.js';
import { MinioBlobStore } from './minio.js';
import { BlobStoreUrlError, openBlobStore } from './open-blob-store.js';

describe('openBlobStore', () => {
  it.each([pathToFileURL('/srv/entrepot blobs').href, 'file:///srv/blobs'])('opens a folder for %s', (url) => {
    expect(openBlobStore(url)).toBeInstanceOf(FilesystemBlobStore);
  });

  it.each([
    's3://key:secret@127.0.0.1:9000/entrepot?region=eu-central-1&tls=false',
    's3://key:a%2Fb%40c@minio.internal/entrepot',
    's3://key:secret@minio/entrepot/?tls=true',
  ])('opens a bucket for %s', (url) => {
    expect(openBlobStore(url)).toBeInstanceOf(MinioBlobStore);
  });

  it.each([
    ['', 'it must start with'],
    ['/srv/hunter2', 'it must start with'],
    ['http://key:hunter2@host/bucket', 'it must start with'],
    ['file://hunter2/blobs', 'no host'],
    ['file:///blobs?token=hunter2', 'no parameters'],
    ['file:///', 'root folder'],
    ['file:///a%2Fhunter2', 'cannot be read'],
    ['s3://key:hunter2@host', 'one bucket'],
    ['s3://key:hunter2@host/Bucket', 'one bucket'],
    ['s3://key:hunter2@host/bucket/folder', 'one bucket'],
    ['s3://hunter2@host/bucket', 'lacks KEY:SECRET'],
    ['s3://host/bucket', 'lacks KEY:SECRET'],
    ['s3://key:hunter2%@host/bucket', 'not percent-encoded'],
    ['s3://key:hunter2@host/bucket?tls=no', 'tls must be'],
    ['s3://key:hunter2@host/bucket?secret=hunter2', 'region and tls only'],
    ['s3://key:hunter2@ho!st/bucket', 'its host'],
  ])('refuses %j without repeating it', (url, reason) => {
    const refusal = thrownBy(() => openBlobStore(url));
    expect(refusal).toBeInstanceOf(BlobStoreUrlError);
    expect((refusal as Error).message).toContain(reason);
    expect((refusal as Error).message).not.toContain('hunter2');
  });
});

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}
