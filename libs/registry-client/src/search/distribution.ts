import { z } from 'zod';
import { RegistryDeniedError, RegistryProtocolError, RegistryUnauthorizedError } from '../errors.js';
import { type SearchAnswer, toHits } from './search-hit.js';
import type { SearchQuery } from './search-registry.js';
import type { SearchedRegistry } from './searched-registry.js';
import { searchV1 } from './v1.js';

const pageSize = 1_000;
const maxPages = 20;
const answer = z.object({ repositories: z.array(z.string()).nullish() });

/** A plain registry has no search, so its names are looked through, unless it is one that does have the old search. */
export async function searchDistribution(registry: SearchedRegistry, query: SearchQuery): Promise<SearchAnswer> {
  try {
    return await searchV1(registry, query);
  } catch (error) {
    if (!isWithoutSearch(error)) throw error;
    return await searchCatalog(registry, query);
  }
}

function isWithoutSearch(error: unknown): boolean {
  return [RegistryProtocolError, RegistryUnauthorizedError, RegistryDeniedError].some((type) => error instanceof type);
}

async function searchCatalog(registry: SearchedRegistry, { term, limit }: SearchQuery): Promise<SearchAnswer> {
  const { names, isPartial } = await listNames(registry);
  const wanted = term.toLowerCase();
  const found = names.filter((name) => name.toLowerCase().includes(wanted));
  const ranked = found.map((name) => ({ name, rank: rankOf(name, wanted) })).sort((a, b) => a.rank - b.rank);
  return { hits: toHits(registry.host, ranked, limit), isPartial };
}

async function listNames(registry: SearchedRegistry): Promise<{ names: string[]; isPartial: boolean }> {
  const question = { path: 'v2/_catalog', parameters: { n: `${pageSize}` }, answer, scope: 'registry:catalog:*' };
  const names: string[] = [];
  const seen = new Set<string>();
  let url: URL | undefined;
  for (let page = 0; page < maxPages; page += 1) {
    const { answer: found, next } = await registry.ask({ ...question, url });
    for (const name of found.repositories ?? []) names.push(name);
    if (next === undefined) return { names, isPartial: false };
    if (seen.has(next.href)) throw new RegistryProtocolError(registry.host, 'its list of repositories goes in circles');
    seen.add(next.href);
    url = next;
  }
  return { names, isPartial: true };
}

/** The name itself, then a part that is called so, then one that begins so, then the others in their order. */
function rankOf(name: string, term: string): number {
  const parts = name.toLowerCase().split('/');
  if (name.toLowerCase() === term) return 0;
  if (parts.at(-1) === term) return 1;
  return name.startsWith(term) || parts.some((part) => part.startsWith(term)) ? 2 : 3;
}
