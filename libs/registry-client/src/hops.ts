import { RegistryProtocolError } from './errors.js';
import { type BodySink, exchange, NetworkFailure, type ResponseHead, type WireRequest } from './exchange.js';
import { checkHop, UnsafeHopError } from './hop-safety.js';
import { networkError } from './network-error.js';
import type { Place } from './place.js';

/**
 * Checks an address that a place has named, by a redirect or as a token realm.
 *
 * @throws {RegistryProtocolError} it must not be followed
 */
export function checkedHop(place: Place, target: string, from: URL): URL {
  try {
    const url = new URL(target, from);
    const { hostname } = place.base;
    checkHop(url, { hostname, allowsPlain: place.allowsPlain, reach: place.connections.reachOf(hostname) });
    return url;
  } catch (cause) {
    const reason = cause instanceof UnsafeHopError ? cause.message : 'it names an address that is none';
    throw new RegistryProtocolError(place.host, reason, { cause });
  }
}

/** One exchange with a place, or with an address that it named and that was checked. */
export async function exchangeAt(
  place: Place,
  request: Omit<WireRequest, 'dispatcher'>,
  onHead: (head: ResponseHead) => BodySink,
): Promise<ResponseHead> {
  const { connections, base } = place;
  const isOwn = request.url.origin === base.origin;
  const dispatcher = isOwn ? connections.direct : connections.guarded(connections.reachOf(base.hostname));
  try {
    return await exchange({ ...request, dispatcher }, onHead);
  } catch (error) {
    throw error instanceof NetworkFailure ? networkError(place.host, error) : error;
  }
}

/** Takes a small body; what is beyond `maxBytes` is not read, which `isCut` tells. */
export class SmallBody {
  readonly #chunks: Buffer[] = [];
  #length = 0;
  isCut = false;

  constructor(private readonly maxBytes: number) {}

  readonly take: BodySink = (chunk) => {
    if (this.#length + chunk.length > this.maxBytes) this.isCut = true;
    if (this.isCut) return 'enough';
    this.#length += chunk.length;
    this.#chunks.push(Buffer.from(chunk));
  };

  bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}
