import { z } from 'zod';
import { RegistryProtocolError } from '../errors.js';
import { type SearchAnswer, toHits } from './search-hit.js';
import type { SearchQuery } from './search-registry.js';
import type { SearchedRegistry } from './searched-registry.js';

const answer = z.object({
  data: z
    .object({
      GlobalSearch: z
        .object({
          Repos: z
            .array(
              z.object({
                Name: z.string(),
                StarCount: z.number().nullish(),
                NewestImage: z.object({ Description: z.string().nullish() }).nullish(),
              }),
            )
            .nullish(),
        })
        .nullish(),
    })
    .nullish(),
  errors: z.array(z.object({ message: z.string() })).nullish(),
});

/** zot answers GraphQL where its search extension is built in. */
export async function searchZot(registry: SearchedRegistry, { term, limit }: SearchQuery): Promise<SearchAnswer> {
  const wanted = 'Repos { Name StarCount NewestImage { Description } }';
  const query = `{ GlobalSearch(query: ${JSON.stringify(term)}, requestedPage: { limit: ${limit} }) { ${wanted} } }`;
  const question = { path: 'v2/_zot/ext/search', parameters: { query }, answer, isForward: true };
  const { data, errors } = (await registry.ask(question)).answer;
  if (!data?.GlobalSearch) {
    const said = errors?.[0]?.message.replace(/[\p{Cc}\p{Cf}]+/gu, ' ').slice(0, 300);
    throw new RegistryProtocolError(registry.host, `it cannot search: ${said ?? 'nothing in its answer'}`);
  }
  const names = (data.GlobalSearch.Repos ?? []).map(({ Name: name, StarCount: stars, NewestImage: newest }) => ({
    ...{ name, stars, description: newest?.Description },
  }));
  return { hits: toHits(registry.host, names, limit), isPartial: false };
}
