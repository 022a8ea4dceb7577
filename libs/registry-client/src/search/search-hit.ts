import { parseReference, repositoryName } from '@entrepot/oci';

/** One repository that a registry has found. */
export interface SearchHit {
  /** The full name: `docker.io/library/redis`, `quay.io/team/app`. */
  repository: string;
  /** One line, without control characters. */
  description: string;
  stars: number;
  isOfficial: boolean;
  isAutomated: boolean;
}

/** What a registry has found, best first. */
export interface SearchAnswer {
  hits: SearchHit[];
  /** The registry has more names than are looked through. */
  isPartial: boolean;
}

/** A hit as it came; only the name must be there. */
export interface FoundName {
  name: string;
  description?: string | null;
  stars?: number | null;
  isOfficial?: boolean | null;
  isAutomated?: boolean | null;
}

const maxDescription = 1_000;

/** Makes hits of what a registry says; a name that nobody could pull is left out. */
export function toHits(host: string, found: readonly FoundName[], limit: number): SearchHit[] {
  const hits = new Map<string, SearchHit>();
  for (const one of found) {
    const repository = repositoryAt(host, one.name);
    if (repository === null || hits.has(repository)) continue;
    hits.set(repository, {
      ...{ repository, description: oneLine(one.description ?? ''), stars: Math.max(0, Math.trunc(one.stars ?? 0)) },
      ...{ isOfficial: one.isOfficial ?? false, isAutomated: one.isAutomated ?? false },
    });
    if (hits.size >= limit) break;
  }
  return [...hits.values()];
}

/** Some registries put their own name before it. */
function repositoryAt(host: string, name: string): string | null {
  try {
    const reference = parseReference(`${host}/${name.startsWith(`${host}/`) ? name.slice(host.length + 1) : name}`);
    const isBare = reference.tag === undefined && reference.digest === undefined;
    return isBare && reference.domain === host ? repositoryName(reference) : null;
  } catch {
    return null;
  }
}

/** Text of strangers ends up on terminals. */
function oneLine(text: string): string {
  const line = text.slice(0, maxDescription).replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ');
  return line.trim();
}
