import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createHealth, createLogger, createMetrics } from '@entrepot/observability';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createCatalog } from '../catalog.js';
import type { CatalogParts } from '../providers.js';

describe('POST /images/load', () => {
  let archiver: Server;
  let app: NestFastifyApplication;
  let url: string;
  let answer: (request: IncomingMessage, response: ServerResponse) => void;

  beforeAll(async () => {
    archiver = createServer((req, res) => answer(req, res));
    await new Promise<void>((resolve) => archiver.listen(0, '127.0.0.1', resolve));
    const { port } = archiver.address() as AddressInfo;
    const config = {
      secretKey: Buffer.alloc(32),
      // The first one is not there.
      archiverUrls: ['http://127.0.0.1:1', `http://127.0.0.1:${port}`],
      internalSecret: 'inside',
    };
    const logger = createLogger({ service: 'test', level: 'silent' });
    const parts = { config, logger, metrics: createMetrics('test'), health: createHealth() };
    app = await createCatalog(parts as unknown as CatalogParts);
    await app.listen({ host: '127.0.0.1', port: 0 });
    url = await app.getUrl();
  });
  afterAll(async () => {
    await app.close();
    archiver.closeAllConnections();
    await new Promise((resolve) => archiver.close(resolve));
  });

  /** Sends a body in pieces, chunked as the docker command does, and collects the answer while it sends. */
  function load(
    pieces: AsyncIterable<Buffer> | Iterable<Buffer>,
  ): Promise<{ status?: number; type?: string; text: string }> {
    return new Promise((resolve, reject) => {
      const req = request(`${url}/v1.50/images/load?quiet=0`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-tar' },
      });
      req.on('error', reject);
      req.on('response', (res) => {
        let text = '';
        res.on('data', (chunk) => {
          text += chunk;
        });
        res.on('end', () => resolve({ status: res.statusCode, type: res.headers['content-type'], text }));
        res.on('error', reject);
      });
      void (async () => {
        for await (const piece of pieces)
          if (!req.write(piece)) await new Promise((resolve) => req.once('drain', resolve));
        req.end();
      })().catch(reject);
    });
  }

  it('hands the body on as it comes to an archiver that is there, and the answer back as it comes', async () => {
    let received = 0;
    answer = (req, res) => {
      expect([req.url, req.headers.authorization]).toEqual(['/internal/load?quiet=0', 'Bearer inside']);
      req.once('data', () =>
        res.writeHead(200, { 'content-type': 'application/json' }).write('{"status":"begun"}\r\n'),
      );
      req.on('data', (chunk: Buffer) => {
        received += chunk.length;
      });
      req.on('end', () => res.end('{"stream":"Loaded image: a:1\\n"}\r\n'));
    };
    for (let round = 0; round < 2; round++) {
      received = 0;
      const { status, type, text } = await load(Array.from({ length: 64 }, () => Buffer.alloc(65_536)));
      expect([status, type]).toEqual([200, 'application/json']);
      expect(text).toBe('{"status":"begun"}\r\n{"stream":"Loaded image: a:1\\n"}\r\n');
      expect(received).toBe(64 * 65_536);
    }
  });

  it('brings an early failure to a client that is still sending', async () => {
    answer = (req, res) => {
      req.once('data', () =>
        res
          .writeHead(200, { 'content-type': 'application/json' })
          .end('{"errorDetail":{"message":"bad"},"error":"bad"}\r\n'),
      );
      req.on('error', () => {});
    };
    const { text } = await load(Array.from({ length: 400 }, () => Buffer.alloc(65_536)));
    expect(text).toContain('"bad"');
  });

  it('says so when the archiver dies in the middle', async () => {
    answer = (req, res) => {
      req.once('data', () => {
        res.writeHead(200, { 'content-type': 'application/json' }).write('{"status":"begun"}\r\n');
        setTimeout(() => res.destroy(), 20);
      });
      req.on('error', () => {});
    };
    const { text } = await load([Buffer.alloc(1000)]);
    expect(text).toContain('"errorDetail":{"message":"the archive was not read to its end; load it again"}');
  });

  it('does not pass on a refusal as what it is', async () => {
    answer = (_, res) => res.writeHead(403).end();
    expect(await load([])).toMatchObject({ status: 502 });
  });
});
