// A URL that a client names could as well point at the services beside us (SSRF). Only https and http are spoken, every
// hop is checked by itself, and the socket connects only to an address that was found within reach.
import { isIP } from 'node:net';
import type { Readable } from 'node:stream';
import { Agent, type Dispatcher } from 'undici';
import { guardedLookup, isWithinReach, type Reach, UnsafeHopError } from './hop-safety.js';

export interface DownloadRequest {
  /** How near to us an address may be; default: the internet only. */
  reach?: Reach;
  signal?: AbortSignal;
  /** Without a byte for this long it has failed; default 30 000. */
  idleTimeoutMs?: number;
}

/** What is being downloaded; the caller reads the body to its end or destroys it, and then closes. */
export interface OpenDownload {
  body: Readable;
  /** Null when the server does not say. */
  sizeBytes: number | null;
  /** By its Last-Modified; null when the server does not say. */
  modifiedAt: Date | null;
  close(): Promise<void>;
}

const maxRedirects = 5;
const connectTimeoutMs = 10_000;
const redirects = new Set([301, 302, 303, 307, 308]);

/**
 * Opens a URL for reading, over redirects.
 *
 * @throws {UnsafeHopError} it, or what it redirects to, is out of reach
 * @throws {DownloadError} it cannot be read
 */
export async function openDownload(address: string, request: DownloadRequest = {}): Promise<OpenDownload> {
  const { reach = 'public', idleTimeoutMs = 30_000, signal } = request;
  const agent = new Agent({
    connect: { timeout: connectTimeoutMs, lookup: guardedLookup(reach) },
    headersTimeout: idleTimeoutMs,
    bodyTimeout: idleTimeoutMs,
  });
  try {
    const answer = await follow(agent, new URL(address), reach, signal);
    const length = Number(answer.headers['content-length'] ?? Number.NaN);
    return {
      body: answer.body,
      sizeBytes: Number.isSafeInteger(length) ? length : null,
      modifiedAt: timeOf(answer.headers['last-modified']),
      close: () => agent.destroy(),
    };
  } catch (error) {
    await agent.destroy();
    throw error;
  }
}

function timeOf(header: string | string[] | undefined): Date | null {
  const time = new Date(String(header));
  return Number.isNaN(time.getTime()) ? null : time;
}

async function follow(
  agent: Agent,
  from: URL,
  reach: Reach,
  signal: AbortSignal | undefined,
): Promise<Dispatcher.ResponseData> {
  let url = from;
  for (let hops = 0; hops <= maxRedirects; hops++) {
    checkUrl(url, from, reach);
    const answer = await ask(agent, url, signal);
    if (answer.statusCode === 200) return answer;
    await answer.body.dump();
    const location = answer.headers.location;
    if (!redirects.has(answer.statusCode)) throw new DownloadError(url, `the server answered ${answer.statusCode}`);
    if (typeof location !== 'string' || !URL.canParse(location, url.href)) {
      throw new DownloadError(url, 'the server redirects to nowhere');
    }
    url = new URL(location, url);
  }
  throw new DownloadError(from, `the server redirects more than ${maxRedirects} times`);
}

function checkUrl(url: URL, from: URL, reach: Reach): void {
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw new UnsafeHopError(url, 'only http and https are spoken');
  if (from.protocol === 'https:' && url.protocol === 'http:')
    throw new UnsafeHopError(url, 'https must not lead to http');
  if (url.username !== '' || url.password !== '') throw new UnsafeHopError(url, 'it carries credentials');
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (isIP(host) !== 0 && !isWithinReach(host, reach)) throw new UnsafeHopError(url, `${host} is not allowed`);
}

async function ask(agent: Agent, url: URL, signal: AbortSignal | undefined): Promise<Dispatcher.ResponseData> {
  try {
    return await agent.request({
      ...{ origin: url.origin, path: `${url.pathname}${url.search}`, method: 'GET', signal },
      headers: { accept: '*/*', 'accept-encoding': 'identity' },
    });
  } catch (error) {
    const { code, message, cause } = error as NodeJS.ErrnoException;
    for (const refused of [error, cause]) if (refused instanceof UnsafeHopError) throw refused;
    if (signal?.aborted) throw error;
    throw new DownloadError(url, `it cannot be read (${code ?? message})`, error);
  }
}

/** A URL could not be read. It is named without its query, which may be a signature. */
export class DownloadError extends Error {
  override readonly name = 'DownloadError';
  readonly code = 'DOWNLOAD_FAILED' as const;
  readonly retryable = false;

  constructor(
    url: URL,
    readonly reason: string,
    cause?: unknown,
  ) {
    super(`${url.origin}${url.pathname}: ${reason}`, { cause });
  }
}
