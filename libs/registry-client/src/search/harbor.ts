import { z } from 'zod';
import { type SearchAnswer, toHits } from './search-hit.js';
import type { SearchQuery } from './search-registry.js';
import type { SearchedRegistry } from './searched-registry.js';

const answer = z.object({ repository: z.array(z.object({ repository_name: z.string() })).nullish() });

/** Harbor shows strangers what is public and never asks who they are, so the credential goes with the question. */
export async function searchHarbor(registry: SearchedRegistry, { term, limit }: SearchQuery): Promise<SearchAnswer> {
  const question = { path: 'api/v2.0/search', parameters: { q: term }, answer, isForward: true };
  const found = (await registry.ask(question)).answer.repository ?? [];
  const names = found.map(({ repository_name: name }) => ({ name }));
  return { hits: toHits(registry.host, names, limit), isPartial: false };
}
