import { Readable } from 'node:stream';
import { DownloadError, type OpenDownload, openDownload, type Reach, UnsafeHopError } from '@entrepot/registry-client';
import { ContainerPathError } from './errors.js';

/**
 * Opens what is at an address, for `docker import URL` and ADD: over redirects, and no nearer to us than `reach`. Closes
 * itself when its body ends or is destroyed.
 *
 * @throws {ContainerPathError} it is out of reach, or cannot be read
 */
export async function openUrl(address: string, reach: Reach, signal: AbortSignal): Promise<OpenDownload> {
  if (!URL.canParse(address)) throw new ContainerPathError(400, `${JSON.stringify(address)} is no address of a file`);
  try {
    const download = await openDownload(address, { reach, signal });
    const body = Readable.from(readAll(address, download), { objectMode: false });
    body.once('close', () => {
      download.body.destroy();
      void download.close();
    });
    return { ...download, body };
  } catch (error) {
    if (error instanceof UnsafeHopError) throw new ContainerPathError(400, error.message);
    if (error instanceof DownloadError)
      throw new ContainerPathError(500, `Get ${JSON.stringify(address)}: ${error.reason}`);
    throw error;
  }
}

async function* readAll(address: string, { body }: OpenDownload): AsyncGenerator<Buffer> {
  try {
    yield* body as AsyncIterable<Buffer>;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new ContainerPathError(500, `Get ${JSON.stringify(address)}: it broke off (${code ?? message})`);
  }
}
