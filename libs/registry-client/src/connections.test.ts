import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { MEDIA_TYPES, parseReference } from '@entrepot/oci';
import { buildImage } from '@entrepot/testing';
import { RegistryClient } from './registry-client.js';

describe('the connections to a registry', () => {
  let server: Server;
  let client: RegistryClient;
  let connections: number;
  /** Heads, as they came. */
  let asked: string[];

  /** A registry of one manifest; what it writes is up to `answer`. */
  const start = async (answer: (socket: Socket, method: string, head: string, body: Buffer) => void) => {
    const { bytes, digest } = await buildImage();
    const head = `HTTP/1.1 200 OK\r\ncontent-type: ${MEDIA_TYPES.dockerManifest}\r\ndocker-content-digest: ${digest}\r\ncontent-length: ${bytes.length}\r\n\r\n`;
    connections = 0;
    asked = [];
    server = createServer((socket) => {
      connections += 1;
      socket.on('error', () => {});
      socket.on('data', (chunk) => {
        const [line = ''] = chunk.toString().split(' HTTP/');
        asked.push(line);
        answer(socket, line.split(' ')[0] ?? '', head, bytes);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    client = new RegistryClient({
      upstreams: [{ host, endpoint: `http://${host}` }],
      retry: { requests: { firstDelayMs: 1, maxDelayMs: 2 } },
    });
    return { reference: parseReference(`${host}/team/app:1`), digest, bytes };
  };
  const resolve = (reference: ReturnType<typeof parseReference>) => client.resolve(reference, {});

  afterEach(async () => {
    await client.close();
    await new Promise((closed) => server.close(closed));
  });

  it('outlive a HEAD', async () => {
    const { reference, digest } = await start((socket, _, head) => void socket.write(head));
    for (let times = 0; times < 9; times += 1) expect((await resolve(reference)).descriptor.digest).toBe(digest);
    // Who asks at once after an answer gets a second one.
    expect(connections).toBeLessThanOrEqual(2);
  });

  it('end with a body that comes after a HEAD, and nobody takes it for an answer', async () => {
    const { reference, digest } = await start(
      (socket, _, head, body) => void socket.write(Buffer.concat([Buffer.from(head), body])),
    );
    for (let times = 0; times < 3; times += 1) expect((await resolve(reference)).descriptor.digest).toBe(digest);
    expect(connections).toBe(3);
  });

  it('end with a body that comes so late that the next answer is waited for, which is asked for again', async () => {
    let late: Buffer | null = null;
    const { reference, digest, bytes } = await start((socket, method, head, body) => {
      if (late !== null) socket.write(late);
      else socket.write(method === 'HEAD' ? head : Buffer.concat([Buffer.from(head), body]));
      late = late === null && method === 'HEAD' ? body : null;
    });
    expect((await resolve(reference)).descriptor.digest).toBe(digest);
    const { domain, path } = reference;
    expect((await client.getManifest(`${domain}/${path}`, digest, {})).bytes.equals(bytes)).toBe(true);
    expect(asked.map((line) => line.split(' ')[0])).toEqual(['HEAD', 'GET', 'GET']);
    expect(connections).toBe(2);
  });

  it('are no use where no HTTP is spoken', async () => {
    const { reference } = await start((socket) => void socket.write('220 mail.example.com ESMTP\r\n'));
    const dockerMessage = `Get "http://${reference.domain}/v2/": malformed HTTP response`;
    await expect(resolve(reference)).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE', dockerMessage });
  });
});
