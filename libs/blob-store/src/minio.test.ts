import { describeWith, type MinioServer, startMinio } from '@entrepot/testing';
import { describeBlobStore } from './conformance.js';
import { openBlobStore } from './open-blob-store.js';

describeWith('minio', 'with a real MinIO', () => {
  let server: MinioServer;
  beforeAll(async () => {
    server = (await startMinio()) as MinioServer;
  });
  afterAll(() => server.stop());

  describeBlobStore('minio', () => openBlobStore(server.url));
});
