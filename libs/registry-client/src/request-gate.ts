import type { RegistryLimitedError } from './errors.js';
import type { ResponseHead } from './exchange.js';
import type { Credential } from './upstream.js';

/** A request that is about to be made, at whatever place. */
export interface GateRequest {
  /** The registry's domain, or a mirror's host. */
  host: string;
  /** A GET of a manifest is what registries count as a pull. */
  kind: 'manifest' | 'blob' | 'tags' | 'referrers' | 'search' | 'ping';
  method: 'GET' | 'HEAD';
  credential?: Credential;
  /** Whether somebody waits for the answer; a batch leaves a reserve to those. */
  isUrgent: boolean;
  /** Told when the request holds what somebody waits for who cannot wait. */
  onYield?: () => void;
  signal?: AbortSignal;
}

/** The way through the gate, for one request and what it leads to. */
export interface Passage {
  /** Asks again for the same thing, after a challenge or a redirect. */
  again(): Promise<void>;
  /** Bytes of the body have come. A promise pauses the socket until it settles. */
  take(bytes: number): void | Promise<void>;
  /** What the registry said, whatever it was. */
  answered(head: ResponseHead): void;
  /** It wants no more requests for a while. */
  limited(error: RegistryLimitedError): Promise<void>;
  /** The exchange is over, well or not. */
  leave(): void;
}

/** Where requests wait for the limits of registries, which many processes may keep together. */
export interface RequestGate {
  /** @throws {RegistryLimitedError} a wait that is too long to be waited here */
  enter(request: GateRequest): Promise<Passage>;
}

/** Lets everything through. */
export const openGate: RequestGate = {
  enter: async () => ({
    again: async () => {},
    take: () => {},
    answered: () => {},
    limited: async () => {},
    leave: () => {},
  }),
};
