// A proxy in front of the registry that counts the bytes of blobs going through it.
import { createServer, request } from 'node:http';

/** Starts it; `blobBytes()` says what was sent so far. */
export function startCounter(registry) {
  let sent = 0;
  const [hostname, port] = registry.split(':');
  const server = createServer((asked, answer) => {
    const isBlob = /\/blobs\/sha256:/.test(asked.url);
    const passed = request(
      { hostname, port, path: asked.url, method: asked.method, headers: asked.headers },
      (found) => {
        answer.writeHead(found.statusCode, found.headers);
        if (isBlob) found.on('data', (chunk) => (sent += chunk.length));
        found.pipe(answer);
      },
    );
    passed.on('error', () => answer.destroy());
    asked.pipe(passed);
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () =>
      resolve({
        host: `127.0.0.1:${server.address().port}`,
        blobBytes: () => sent,
        stop: () => new Promise((done) => server.close(done).closeAllConnections()),
      }),
    );
  });
}
