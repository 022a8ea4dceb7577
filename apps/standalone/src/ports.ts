import { createServer } from 'node:net';

/** A loopback port that was free a moment ago. */
export function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}

/**
 * Fails at once, and in one line, where the address clients are to use cannot be had.
 *
 * @throws {AddressInUseError}
 */
export function checkAddressFree(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => reject(new AddressInUseError(host, port, error)));
    probe.listen(port, host, () => probe.close(() => resolve()));
  });
}

/** ENTREPOT_LISTEN names an address this process cannot listen on. */
export class AddressInUseError extends Error {
  override readonly name = 'AddressInUseError';
  readonly code = 'ADDRESS_IN_USE';
  readonly retryable = false;

  constructor(host: string, port: number, cause: NodeJS.ErrnoException) {
    const why = cause.code === 'EADDRINUSE' ? 'another process listens there' : cause.message;
    super(`cannot listen on ${host}:${port} (ENTREPOT_LISTEN): ${why}`, { cause });
  }
}
