import { z } from 'zod';
import { type FoundName, type SearchAnswer, toHits } from './search-hit.js';
import type { SearchQuery } from './search-registry.js';
import type { SearchedRegistry } from './searched-registry.js';

/** Quay itself ends here. */
const maxPages = 10;

const answer = z.object({
  results: z.array(
    z.object({
      namespace: z.object({ name: z.string() }),
      name: z.string(),
      description: z.string().nullish(),
      stars: z.number().nullish(),
    }),
  ),
  has_additional: z.boolean().nullish(),
});

/** Quay finds ten at a time. */
export async function searchQuay(registry: SearchedRegistry, { term, limit }: SearchQuery): Promise<SearchAnswer> {
  const names: FoundName[] = [];
  for (let page = 1; page <= maxPages && names.length < limit; page += 1) {
    const parameters = { query: term, page: `${page}` };
    const { answer: found } = await registry.ask({ path: 'api/v1/find/repositories', parameters, answer });
    for (const { namespace, name, description, stars } of found.results)
      names.push({ name: `${namespace.name}/${name}`, description, stars });
    if (!found.has_additional || found.results.length === 0) break;
  }
  return { hits: toHits(registry.host, names, limit), isPartial: false };
}
