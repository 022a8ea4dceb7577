import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { ApiClient } from '../client/api-client.js';
import type { CommandContext } from '../context.js';
import { saveToFile } from './download.js';

const archive = Buffer.from(Array.from({ length: 300_000 }, (_, n) => n % 251));

describe('saving to a file', () => {
  let folder: string;
  let server: Server;
  let client: ApiClient;
  let context: CommandContext;
  let ranges: (string | undefined)[];
  /** How many bytes each answer has before the connection is cut; -1: it stays open after some. */
  let cuts: number[];
  let etag: string;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'entrepot-save-'));
    ranges = [];
    cuts = [];
    etag = '"one"';
    server = createServer(answer);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    client = new ApiClient({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
    context = {
      client: () => client,
      stdin: new PassThrough(),
      stdout: new PassThrough(),
      stderr: new PassThrough().resume(),
      signal: new AbortController().signal,
    };
  });

  afterEach(async () => {
    await client.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true });
  });

  function answer({ headers }: IncomingMessage, response: ServerResponse): void {
    ranges.push(headers.range);
    const from = headers['if-range'] === etag ? Number(/^bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0) : 0;
    response.writeHead(from > 0 ? 206 : 200, { etag, 'content-length': archive.length - from });
    const cut = cuts.shift();
    if (cut === -1) return void response.write(archive.subarray(from, from + 100_000));
    if (cut === undefined) return void response.end(archive.subarray(from));
    response.write(archive.subarray(from, from + cut));
    void untilWritten(from + 1).then(() => response.destroy());
  }

  /** Resolves when the client has this many bytes on its disk. */
  async function untilWritten(bytes: number): Promise<void> {
    const written = (): number => readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
    while (written() < bytes) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  const save = () => saveToFile(context, '/images/get?names=x', join(folder, 'x.tar'), true);

  it('goes on where the connection was cut, and leaves nothing beside the file', async () => {
    cuts = [100_000, 50_000];
    await save();
    expect(readFileSync(join(folder, 'x.tar'))).toEqual(archive);
    expect(readdirSync(folder)).toEqual(['x.tar']);
    expect(ranges).toHaveLength(3);
    expect(ranges[1]).toMatch(/^bytes=[1-9]/);
  });

  it('uses what an earlier run left, when the archive is the same', async () => {
    cuts = [-1];
    const stopping = new AbortController();
    const other = { ...context, signal: stopping.signal };
    const first = saveToFile(other, '/images/get?names=x', join(folder, 'x.tar'), true);
    await untilWritten(1);
    stopping.abort();
    await expect(first).rejects.toThrow();
    expect(readdirSync(folder)[0]).toMatch(/^x\.tar\..*\.part$/);
    await save();
    expect(ranges.at(-1)).toMatch(/^bytes=[1-9]/);
    expect(readFileSync(join(folder, 'x.tar'))).toEqual(archive);
  });

  it('starts anew when the archive is another one by now', async () => {
    cuts = [100_000];
    const saving = save();
    await new Promise((resolve) => server.once('request', resolve));
    etag = '"two"';
    await saving;
    expect(readFileSync(join(folder, 'x.tar'))).toEqual(archive);
  });

  it('names a folder that is not there', async () => {
    writeFileSync(join(folder, 'file'), '');
    await expect(saveToFile(context, '/x', join(folder, 'no/x.tar'), true)).rejects.toThrow('there is no folder');
  });
});
