import type { Readable } from 'node:stream';
import { DownloadError, openDownload, type Reach, UnsafeHopError } from '@entrepot/registry-client';
import { ContainerPathError } from './errors.js';

/**
 * Opens what is at an address, for `docker import URL` and ADD: over redirects, and no nearer to us than `reach`.
 *
 * @throws {ContainerPathError} it is out of reach, or cannot be read
 */
export async function openUrl(address: string, reach: Reach, signal: AbortSignal): Promise<Readable> {
  if (!URL.canParse(address)) throw new ContainerPathError(400, `${JSON.stringify(address)} is no address of a file`);
  try {
    const { body, close } = await openDownload(address, { reach, signal });
    body.once('close', () => void close());
    return body;
  } catch (error) {
    if (error instanceof UnsafeHopError) throw new ContainerPathError(400, error.message);
    if (error instanceof DownloadError)
      throw new ContainerPathError(500, `Get ${JSON.stringify(address)}: ${error.reason}`);
    throw error;
  }
}
