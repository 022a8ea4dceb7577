import { RegistryUnreachableError } from '../errors.js';
import type { Credential, RegistryKind } from '../upstream.js';
import { searchDistribution } from './distribution.js';
import { searchDockerHub } from './docker-hub.js';
import { searchHarbor } from './harbor.js';
import { searchQuay } from './quay.js';
import type { SearchAnswer } from './search-hit.js';
import type { SearchedRegistry } from './searched-registry.js';
import { searchZot } from './zot.js';

/** What a registry is asked for. */
export interface SearchQuery {
  term: string;
  /** Most hits, 1 to 100. */
  limit: number;
  /** Instead of the configured credential of the registry. */
  credential?: Credential;
  signal?: AbortSignal;
  /** For all of it, connecting and paging included; default 3 000. */
  timeoutMs?: number;
}

const defaultTimeoutMs = 3_000;

const searchers: Record<RegistryKind, (registry: SearchedRegistry, query: SearchQuery) => Promise<SearchAnswer>> = {
  'docker-hub': searchDockerHub,
  harbor: searchHarbor,
  quay: searchQuay,
  zot: searchZot,
  distribution: searchDistribution,
};

/** Searches one registry once, in the way of its kind. `open` is given the signal that its time-out aborts. */
export async function searchRegistry(
  host: string,
  kind: RegistryKind,
  query: SearchQuery,
  open: (signal: AbortSignal) => SearchedRegistry,
): Promise<SearchAnswer> {
  const timeoutMs = query.timeoutMs ?? defaultTimeoutMs;
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    return await searchers[kind](open(query.signal ? AbortSignal.any([query.signal, timeout]) : timeout), query);
  } catch (error) {
    if (!timeout.aborted || query.signal?.aborted) throw error;
    throw new RegistryUnreachableError(host, `no answer to a search within ${timeoutMs} ms`, { cause: error });
  }
}
