// A connection that breaks: passes bytes on until told otherwise.
import { connect, createServer, type Server, type Socket } from 'node:net';

export interface CuttingProxy {
  url: string;
  /** What clients have sent so far. */
  sentBytes: number;
  /** The connection that carries this byte breaks; others go on. Counted anew with each assignment. */
  cutAfterBytes: number;
  /** From this byte on nothing arrives, as when a cable is out. */
  loseAfterBytes: number;
  close(): Promise<void>;
}

/** Stands before the server at `url`. */
export async function startCuttingProxy(url: string): Promise<CuttingProxy> {
  const { hostname, port } = new URL(url);
  const sockets = new Set<Socket>();
  const never = Number.POSITIVE_INFINITY;
  const proxy: CuttingProxy = {
    ...{ url: '', sentBytes: 0, cutAfterBytes: never, loseAfterBytes: never },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  const server: Server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy()).on('close', () => other.destroy());
    }
    upstream.pipe(client);
    client.on('data', (chunk) => {
      proxy.sentBytes += chunk.length;
      if (proxy.sentBytes >= proxy.loseAfterBytes) return;
      if (proxy.sentBytes >= proxy.cutAfterBytes) {
        proxy.cutAfterBytes = never;
        return void client.destroy();
      }
      if (!upstream.write(chunk)) {
        client.pause();
        upstream.once('drain', () => client.resume());
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  proxy.url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  return proxy;
}
