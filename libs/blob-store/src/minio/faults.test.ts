import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import {
  BlobStoreFullError,
  BlobStoreRefusedError,
  BlobStoreUnavailableError,
  BlobUploadLostError,
} from '../blob-store.js';
import { openBlobStore } from '../open-blob-store.js';
import { newStorageKey } from '../storage-key.js';

const mebibyte = 1024 * 1024;
const key = newStorageKey();

/** Real servers do not fail when asked to: each test says what this one answers. */
describe('a MinIO that fails', () => {
  let server: Server;
  let answer: (request: IncomingMessage, response: ServerResponse) => void;

  beforeAll(async () => {
    server = createServer((request, response) => {
      if (request.method === 'HEAD' && request.url === '/bucket') response.end();
      else answer(request, response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  it('is tried again after a 503, and then stores the blob', async () => {
    let tries = 0;
    const bodies: string[] = [];
    answer = async (request, response) => {
      bodies.push((await buffer(request)).toString());
      fail(response, ++tries < 3 ? 503 : 200, 'SlowDown');
    };
    const upload = await open().openUpload(key, 5);
    await upload.write(Buffer.from('hello'));
    await upload.commit();
    expect(bodies).toEqual(['hello', 'hello', 'hello']);
  });

  it('is unavailable when it stays away, and the commit can be tried again', async () => {
    let isAway = true;
    answer = (request, response) => {
      request.resume();
      request.once('end', () => (isAway ? request.socket.destroy() : response.end()));
    };
    const upload = await open().openUpload(key, 5);
    await upload.write(Buffer.from('hello'));
    await expect(upload.commit()).rejects.toThrow(BlobStoreUnavailableError);
    isAway = false;
    await upload.commit();
  });

  it('does not run out of connections by many failed requests', async () => {
    answer = (request, response) => {
      request.resume();
      request.once('end', () => fail(response, 500, 'InternalError', 'x'.repeat(100_000)));
    };
    const store = open([]);
    for (let round = 0; round < 70; round++) {
      await expect(store.open(key)).rejects.toThrow(BlobStoreUnavailableError);
      await expect(store.delete(key)).rejects.toThrow(BlobStoreUnavailableError);
      const upload = await store.openUpload(key, 0);
      await expect(upload.commit()).rejects.toThrow('status 500 InternalError');
    }
    const connections = await promisify(server.getConnections).call(server);
    expect(connections).toBeLessThan(20);
  });

  it.each([
    [507, 'XMinioStorageFull', BlobStoreFullError],
    [400, 'XMinioAdminBucketQuotaExceeded', BlobStoreFullError],
    [403, 'SignatureDoesNotMatch', BlobStoreRefusedError],
    [404, 'NoSuchBucket', BlobStoreRefusedError],
    [404, 'NoSuchUpload', BlobUploadLostError],
    [500, 'InternalError', BlobStoreUnavailableError],
    [429, 'TooManyRequests', BlobStoreUnavailableError],
  ])('answers %d %s, which is a failure of its own kind', async (status, code, expected) => {
    answer = (request, response) => {
      request.resume();
      request.once('end', () => fail(response, status, code));
    };
    const upload = await open([]).openUpload(key, 5);
    await upload.write(Buffer.from('hello'));
    await expect(upload.commit()).rejects.toThrow(expected);
    await expect(open([]).openUpload(key, 20 * mebibyte)).rejects.toThrow(expected);
  });

  it('gets four parts of 8 MiB into our memory, and no more, while it is slow', async () => {
    const held: (() => void)[] = [];
    let isSlow = true;
    answer = (request, response) => {
      request.resume();
      request.once('end', () => {
        const stored = () => response.writeHead(200, { etag: '"e"' }).end();
        if (!request.url?.includes('partNumber=')) multipartAnswer(request, response);
        else if (isSlow) held.push(stored);
        else stored();
      });
    };
    const upload = await open().openUpload(key, 80 * mebibyte);
    for (let part = 0; part < 31; part++) await upload.write(Buffer.alloc(mebibyte));
    const room = upload.write(Buffer.alloc(mebibyte));
    await until(() => held.length === 3);
    expect(await Promise.race([room, Promise.resolve('still waiting')])).toBe('still waiting');
    expect(upload.state().safeBytes).toBe(0);
    isSlow = false;
    for (const release of held) release();
    await room;
    for (let part = 32; part < 80; part++) await upload.write(Buffer.alloc(mebibyte));
    await upload.commit();
  });

  it('counts only parts without a gap as safe', async () => {
    answer = (request, response) => {
      request.resume();
      request.once('end', () => {
        if (request.url?.includes('partNumber=2')) return;
        if (request.url?.includes('partNumber=')) response.writeHead(200, { etag: '"e"' }).end();
        else multipartAnswer(request, response);
      });
    };
    const upload = await open().openUpload(key, 24 * mebibyte);
    for (let part = 0; part < 3; part++) await upload.write(Buffer.alloc(8 * mebibyte));
    await until(() => upload.state().safeBytes > 0);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(upload.state().safeBytes).toBe(8 * mebibyte);
    await upload.abort();
  });

  it('fails the upload when a part cannot be stored', async () => {
    answer = (request, response) => {
      request.resume();
      request.once('end', () => {
        if (request.url?.includes('partNumber=2')) fail(response, 507, 'XMinioStorageFull');
        else if (request.url?.includes('partNumber=')) response.writeHead(200, { etag: '"e"' }).end();
        else multipartAnswer(request, response);
      });
    };
    const upload = await open().openUpload(key, 24 * mebibyte);
    for (let part = 0; part < 3; part++) upload.write(Buffer.alloc(8 * mebibyte))?.catch(() => {});
    await expect(upload.commit()).rejects.toThrow(BlobStoreFullError);
    await expect(upload.write(Buffer.alloc(1))).rejects.toThrow(BlobStoreFullError);
    await upload.abort();
  });

  it('may complete an upload without our hearing of it', async () => {
    let completes = 0;
    answer = (request, response) => {
      request.resume();
      request.once('end', () => {
        const isComplete = request.method === 'POST' && request.url?.includes('uploadId=');
        if (isComplete && ++completes === 1) request.socket.destroy();
        else if (isComplete) fail(response, 404, 'NoSuchUpload');
        else if (request.method === 'HEAD') response.writeHead(200, { 'content-length': 24 * mebibyte }).end();
        else if (request.url?.includes('partNumber=')) response.writeHead(200, { etag: '"e"' }).end();
        else multipartAnswer(request, response);
      });
    };
    const upload = await open().openUpload(key, 24 * mebibyte);
    await upload.write(Buffer.alloc(24 * mebibyte));
    await upload.commit();
    expect(completes).toBe(2);
  });

  it('breaks off a read in the middle, which the reader is told', async () => {
    answer = (request, response) => {
      response.writeHead(200, { 'content-length': 1000 });
      response.write('only this', () => request.socket.destroy());
    };
    const stream = await open().open(key);
    await expect(buffer(stream)).rejects.toThrow(BlobStoreUnavailableError);
  });

  it('is not there at all', async () => {
    const store = openBlobStore('s3://key:hunter2@127.0.0.1:1/bucket?tls=false', { retryDelaysMs: [] });
    await expect(store.ensureReady()).rejects.toThrow('ECONNREFUSED');
    await expect(store.openUpload(key, 1)).rejects.toThrow(BlobStoreUnavailableError);
  });

  function open(retryDelaysMs = [1, 1]) {
    const { port } = server.address() as AddressInfo;
    return openBlobStore(`s3://key:secret@127.0.0.1:${port}/bucket?tls=false`, { retryDelaysMs });
  }
});

function fail(response: ServerResponse, status: number, code: string, message = 'as the test wants it'): void {
  response.writeHead(status, { 'content-type': 'application/xml' });
  response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`);
}

/** What is needed around the parts: list, start, complete and abort. */
function multipartAnswer(request: IncomingMessage, response: ServerResponse): void {
  if (request.method === 'DELETE') response.writeHead(204).end();
  else if (request.method === 'GET')
    response.end('<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>');
  else if (request.url?.endsWith('?uploads')) {
    response.end('<InitiateMultipartUploadResult><UploadId>one</UploadId></InitiateMultipartUploadResult>');
  } else response.end(completed);
}

const completed =
  '<CompleteMultipartUploadResult><Location>http://here</Location><Bucket>bucket</Bucket><Key>key</Key>' +
  '<ETag>"e"</ETag></CompleteMultipartUploadResult>';

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}
