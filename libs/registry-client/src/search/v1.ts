import { z } from 'zod';
import { type FoundName, type SearchAnswer, toHits } from './search-hit.js';
import type { SearchQuery } from './search-registry.js';
import type { SearchedRegistry } from './searched-registry.js';

const answer = z.object({
  results: z
    .array(
      z.object({
        name: z.string(),
        description: z.string().nullish(),
        star_count: z.number().nullish(),
        is_official: z.boolean().nullish(),
        is_automated: z.boolean().nullish(),
      }),
    )
    .nullish(),
});

/** The search that `docker search` has always used: Docker Hub's, Artifactory's, another Entrepot's. */
export async function searchV1(registry: SearchedRegistry, { term, limit }: SearchQuery): Promise<SearchAnswer> {
  const question = { path: 'v1/search', parameters: { q: term, n: `${limit}` }, answer };
  const found = (await registry.ask(question)).answer.results ?? [];
  const names = found.map(
    ({ name, description, star_count: stars, is_official: isOfficial, is_automated: isAutomated }): FoundName => ({
      ...{ name, description, stars, isOfficial, isAutomated },
    }),
  );
  return { hits: toHits(registry.host, names, limit), isPartial: false };
}
