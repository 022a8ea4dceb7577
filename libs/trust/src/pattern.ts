import { familiarRepository, type Reference, repositoryName } from '@entrepot/oci';

/** A pattern of references, ready to match. */
export interface ReferencePattern {
  repository: RegExp;
  tag?: RegExp;
}

/** Reads a pattern that the configuration has accepted: `registry.example.com/team/**`, `redis:7*`. */
export function compilePattern(text: string): ReferencePattern {
  const colon = text.indexOf(':', text.lastIndexOf('/') + 1);
  const repository = toRegExp(colon < 0 ? text : text.slice(0, colon));
  return colon < 0 ? { repository } : { repository, tag: toRegExp(text.slice(colon + 1)) };
}

/** Whether the repository matches by its full or its short name, and the tag; `digestCounts` when there is no tag to look at. */
export function matchesPattern(pattern: ReferencePattern, reference: Reference, digestCounts: boolean): boolean {
  const name = repositoryName(reference);
  if (![name, familiarRepository(name)].some((text) => pattern.repository.test(text))) return false;
  if (pattern.tag === undefined) return true;
  return reference.digest === undefined ? pattern.tag.test(reference.tag ?? 'latest') : digestCounts;
}

/** Whoever runs the service writes the patterns; names have 255 characters at most. */
function toRegExp(glob: string): RegExp {
  const parts = glob.split(/(\*\*|\*|\?)/).map((part) => wildcards[part] ?? part.replace(/[.+-]/g, '\\$&'));
  return new RegExp(`^${parts.join('')}$`);
}

const wildcards: Record<string, string> = { '**': '.*', '*': '[^/]*', '?': '[^/]' };
