// A registry tells us where to fetch tokens and blobs, and could as well point us at the services beside us
// (SSRF) or at a plain-text address. Each hop is checked by itself: reference "protocols", sections 2 and 14.
import { type LookupAddress, lookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { type AddressClass, classifyAddress } from './address-class.js';

/** How far away from the internet a registry may point: never nearer to us than it is itself. */
export type Reach = Exclude<AddressClass, 'forbidden'>;

/** What a registry may point at. */
export interface HopRules {
  /** The registry's own name; it may always point at itself. */
  hostname: string;
  /** Whether http is fine, which it is only for registries that are configured so or run on this machine. */
  allowsPlain: boolean;
  reach: Reach;
}

const order: readonly AddressClass[] = ['public', 'private', 'loopback'];

/** Whether a registry of this reach may lead us to an address. */
export function isWithinReach(address: string, reach: Reach): boolean {
  const place = order.indexOf(classifyAddress(address));
  return place >= 0 && place <= order.indexOf(reach);
}

/**
 * Checks the text of an address that a registry names. Host names are looked up
 * only when connecting: see {@link guardedLookup}.
 *
 * @throws {UnsafeHopError}
 */
export function checkHop(url: URL, rules: HopRules): void {
  const isPlain = url.protocol === 'http:' && rules.allowsPlain;
  if (url.protocol !== 'https:' && !isPlain) throw new UnsafeHopError(url, 'only https is followed');
  if (url.username !== '' || url.password !== '') throw new UnsafeHopError(url, 'it carries credentials');
  if (url.hostname === rules.hostname) return;
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (isIP(host) !== 0 && !isWithinReach(host, rules.reach)) throw new UnsafeHopError(url, `${host} is not allowed`);
}

/**
 * A lookup that gives only addresses within reach. The socket connects to what
 * was checked here, so a name that changes its mind in between gains nothing.
 */
export function guardedLookup(reach: Reach): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, '');
      const allowed = addresses.filter(({ address }) => isWithinReach(address, reach));
      const [first] = allowed;
      if (first === undefined) return callback(refusal(hostname, addresses), '');
      if (options.all) return callback(null, allowed);
      return callback(null, first.address, first.family);
    });
  };
}

function refusal(hostname: string, addresses: readonly LookupAddress[]): UnsafeHopError {
  const named = addresses.map(({ address }) => address).join(', ');
  return new UnsafeHopError(new URL(`https://${hostname}`), `${named} is not allowed`);
}

/** A realm or redirect that must not be followed. The address is named without its query, which may be a signature. */
export class UnsafeHopError extends Error {
  override readonly name = 'UnsafeHopError';
  readonly code = 'UNSAFE_HOP' as const;
  readonly retryable = false;

  constructor(
    url: URL,
    readonly reason: string,
  ) {
    super(`not following to ${url.protocol}//${url.host}${url.pathname}: ${reason}`);
  }
}
