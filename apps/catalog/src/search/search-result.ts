import type { RepositorySummary } from '@entrepot/database';
import { familiarRepository } from '@entrepot/oci';
import type { SearchHit } from '@entrepot/registry-client';

/** How results call this service among their sources. */
export const hereSource = 'here';

/** One repository, whoever knows it. */
export interface SearchResult {
  /** As it is pulled: `redis`, `quay.io/team/app`. */
  name: string;
  description: string;
  stars: number;
  isOfficial: boolean;
  isAutomated: boolean;
  /** Hosts of the registries that know it, and `here`; in the order in which they are asked. */
  sources: string[];
  /** Tags that are here. */
  tags: number;
}

/** What results are narrowed to. */
export interface SearchFilter {
  stars?: number;
  isOfficial?: boolean;
  isAutomated?: boolean;
}

/** A repository that a registry knows. */
export function fromHit(host: string, { repository, ...hit }: SearchHit): SearchResult {
  return { ...hit, name: familiarRepository(repository), sources: [host], tags: 0 };
}

/** A repository that is here. */
export function fromHere({ name, familiar, description, tags, isPulled }: RepositorySummary): SearchResult {
  const isOfficial = isPulled && name.startsWith('docker.io/library/');
  const said = (description ?? '').replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ').trim();
  return {
    ...{ name: familiar, description: said.slice(0, 1_000), stars: 0, isOfficial, isAutomated: false },
    ...{ sources: [hereSource], tags },
  };
}

/** One list of several: of equal names the first keeps its place and learns what the others know. */
export function mergeResults(lists: readonly SearchResult[][]): SearchResult[] {
  const merged = new Map<string, SearchResult>();
  for (const result of lists.flat()) {
    const known = merged.get(result.name);
    merged.set(result.name, known ? combine(known, result) : result);
  }
  return [...merged.values()];
}

/** Whether a result is wanted. */
export function passes({ stars = 0, isOfficial, isAutomated }: SearchFilter, result: SearchResult): boolean {
  return (
    result.stars >= stars &&
    (isOfficial ?? result.isOfficial) === result.isOfficial &&
    (isAutomated ?? result.isAutomated) === result.isAutomated
  );
}

function combine(first: SearchResult, second: SearchResult): SearchResult {
  return {
    name: first.name,
    description: first.description || second.description,
    stars: Math.max(first.stars, second.stars),
    isOfficial: first.isOfficial || second.isOfficial,
    isAutomated: first.isAutomated || second.isAutomated,
    sources: [...first.sources, ...second.sources],
    tags: Math.max(first.tags, second.tags),
  };
}
