import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { openDownload } from './open-download.js';

describe('a download from a URL that a client names', () => {
  let server: Server;
  let base: string;
  let answer: (request: IncomingMessage, response: ServerResponse) => void;

  beforeAll(async () => {
    server = createServer((request, response) => answer(request, response)).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());

  const read = async (url: string): Promise<[string, number | null]> => {
    const { body, sizeBytes, close } = await openDownload(url, { reach: 'loopback' });
    const read = await text(body);
    await close();
    return [read, sizeBytes];
  };

  it('is read, over redirects too, with its size where the server says it', async () => {
    answer = ({ url }, response) => {
      if (url === '/a?x=1') response.writeHead(307, { location: '/b' }).end();
      else if (url === '/b') response.writeHead(200, { 'content-length': 5 }).end('hello');
      else response.end('no length');
    };
    expect(await read(`${base}/a?x=1`)).toEqual(['hello', 5]);
    expect((await read(`${base}/c`))[0]).toBe('no length');
  });

  it.each([
    ['http://127.0.0.1:1/x', '127.0.0.1 is not allowed'],
    ['http://localhost:1/x', 'is not allowed'],
    ['http://[::1]:1/x', '::1 is not allowed'],
    ['http://2130706433/x', '127.0.0.1 is not allowed'],
    ['http://10.0.0.1/x', '10.0.0.1 is not allowed'],
    ['http://169.254.169.254/latest/meta-data', '169.254.169.254 is not allowed'],
    ['http://[::ffff:10.0.0.1]/x', 'is not allowed'],
    ['ftp://example.com/x', 'only http and https are spoken'],
    ['file:///etc/passwd', 'only http and https are spoken'],
    ['https://user:pw@example.com/x', 'it carries credentials'],
  ])('never goes to %s', async (url, reason) => {
    await expect(openDownload(url)).rejects.toMatchObject({
      code: 'UNSAFE_HOP',
      message: expect.stringContaining(reason),
    });
  });

  it('goes to no place that is out of reach by way of a redirect either', async () => {
    answer = (_, response) => response.writeHead(302, { location: 'http://169.254.169.254/latest' }).end();
    await expect(read(`${base}/a`)).rejects.toMatchObject({ code: 'UNSAFE_HOP' });
  });

  it.each<[string, (request: IncomingMessage, response: ServerResponse) => void, string]>([
    ['a refusal', (_, response) => response.writeHead(403).end('secret'), 'the server answered 403'],
    ['a loop', (_, response) => response.writeHead(302, { location: '/a' }).end(), 'redirects more than 5 times'],
    ['no target', (_, response) => response.writeHead(302).end(), 'redirects to nowhere'],
    ['no answer', (request) => request.socket.destroy(), 'it cannot be read'],
  ])('that meets %s says so, and not what the query held', async (_, behave, reason) => {
    answer = behave;
    const failure = await openDownload(`${base}/a?sig=hidden`, { reach: 'loopback' }).catch((error: Error) => error);
    expect(failure).toMatchObject({ code: 'DOWNLOAD_FAILED', message: expect.stringContaining(reason) });
    expect(String(failure)).not.toContain('hidden');
  });
});
