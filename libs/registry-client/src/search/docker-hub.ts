import type { SearchAnswer } from './search-hit.js';
import type { SearchQuery } from './search-registry.js';
import type { SearchedRegistry } from './searched-registry.js';
import { searchV1 } from './v1.js';

/** Docker Hub knows its own images without their `library/`. */
export function searchDockerHub(registry: SearchedRegistry, query: SearchQuery): Promise<SearchAnswer> {
  return searchV1(registry, { ...query, term: query.term.replace(/^library\//, '') });
}
