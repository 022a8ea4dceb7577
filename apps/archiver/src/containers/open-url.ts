import { STATUS_CODES } from 'node:http';
import type { Readable } from 'node:stream';
import { type Dispatcher, request } from 'undici';
import { ContainerPathError } from './errors.js';

const maxRedirects = 10;

/**
 * Opens what is at an address, as a daemon does for `docker import URL`: redirects are followed, to HTTP only.
 *
 * @throws {ContainerPathError} with the words of a daemon
 */
export async function openUrl(address: string, signal: AbortSignal): Promise<Readable> {
  let url = parseUrl(address);
  for (let hop = 0; hop <= maxRedirects; hop++) {
    const answer = await get(url, signal);
    const { statusCode, headers, body } = answer;
    const location = headers.location;
    if (statusCode >= 300 && statusCode < 400 && typeof location === 'string') {
      await body.dump();
      url = parseUrl(location, url);
      continue;
    }
    if (statusCode !== 200) {
      await body.dump();
      throw new ContainerPathError(
        500,
        `failed to GET ${url} with status ${statusCode} ${STATUS_CODES[statusCode] ?? ''}`.trim(),
      );
    }
    return body;
  }
  throw new ContainerPathError(500, `Get ${JSON.stringify(address)}: stopped after ${maxRedirects} redirects`);
}

async function get(url: URL, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
  try {
    return await request(url, { signal, headers: { 'user-agent': 'entrepot' } });
  } catch (error) {
    throw new ContainerPathError(500, `Get ${JSON.stringify(url.href)}: ${reasonOf(error, url)}`);
  }
}

/** Go's words for the failures that people know. */
function reasonOf(error: unknown, url: URL): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const place = `${url.hostname}:${url.port || (url.protocol === 'https:' ? '443' : '80')}`;
  if (code === 'ECONNREFUSED') return `dial tcp ${place}: connect: connection refused`;
  if (code === 'ENOTFOUND') return `dial tcp: lookup ${url.hostname}: no such host`;
  return message;
}

function parseUrl(text: string, base?: URL): URL {
  const url = URL.canParse(text, base?.href) ? new URL(text, base?.href) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new ContainerPathError(400, `${JSON.stringify(text)} is no address of a file`);
  }
  return url;
}
