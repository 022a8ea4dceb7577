import type { Connections } from './connections.js';
import { defaultEndpoint, isLoopbackHost, type Upstream } from './upstream.js';

/** One address that speaks the distribution protocol for a registry: its own, or a mirror's. */
export interface Place {
  /** What errors name: the domain of references, or the mirror's host. */
  host: string;
  /** Ends with a slash; `v2/…` is below it. */
  base: URL;
  connections: Connections;
  isMirror: boolean;
  /** Whether plain http is fine for what this place points at. */
  allowsPlain: boolean;
}

/** The registry itself. */
export function originOf(upstream: Upstream, connections: Connections): Place {
  const base = asBase(upstream.endpoint ?? defaultEndpoint(upstream.host));
  return placeAt(upstream.host, base, upstream, connections, false);
}

/** Its mirrors, in the order in which they are asked. */
export function mirrorsOf(upstream: Upstream, connections: Connections): Place[] {
  return (upstream.mirrors ?? []).map((address) => {
    const base = asBase(address);
    return placeAt(base.host, base, upstream, connections, true);
  });
}

/** Where a registry is searched: Docker Hub has an address of its own for it, unless it was pointed elsewhere. */
export function searchPlaceOf(upstream: Upstream, connections: Connections): Place {
  const usual = upstream.host === 'docker.io' ? 'https://index.docker.io' : undefined;
  const endpoint = upstream.endpoint === defaultEndpoint('docker.io') ? usual : (upstream.endpoint ?? usual);
  return originOf({ ...upstream, endpoint }, connections);
}

function placeAt(host: string, base: URL, upstream: Upstream, connections: Connections, isMirror: boolean): Place {
  const allowsPlain = upstream.insecure === true || isLoopbackHost(base.host) || base.protocol === 'http:';
  return { host, base, connections, isMirror, allowsPlain };
}

const asBase = (address: string): URL => new URL(address.endsWith('/') ? address : `${address}/`);
