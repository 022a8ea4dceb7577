import { describeWith, type MinioServer, startMinio } from '@entrepot/testing';
import { describeBlobStore } from './conformance.js';
import { openBlobStore } from './open-blob-store.js';
import { newStorageKey } from './storage-key.js';

describeWith('minio', 'with a real MinIO', () => {
  let server: MinioServer;
  beforeAll(async () => {
    server = (await startMinio()) as MinioServer;
  });
  afterAll(() => server.stop());

  describeBlobStore('minio', () => openBlobStore(server.url));

  it('refuses a wrong secret without repeating it', async () => {
    const url = server.url.replace(/^(s3:\/\/[^:]+):[^@]+@/, '$1:wrong-hunter2@');
    const failures = await Promise.all([
      openBlobStore(url).ensureReady().catch(String),
      openBlobStore(url).openUpload(newStorageKey(), 1).catch(String),
    ]);
    for (const failure of failures) {
      expect(failure).toMatch(/^BlobStoreRefusedError: /);
      expect(failure).not.toContain('hunter2');
    }
  });
});
