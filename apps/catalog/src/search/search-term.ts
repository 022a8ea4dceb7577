import { loginDomain } from '@entrepot/registry-client';

/** What somebody searches for. */
export interface SearchTerm {
  /** The only registry to ask, when the term names one. */
  host?: string;
  /** Part of a name, as typed but for the host. */
  text: string;
}

/** Docker's rule: what comes before the first slash is a registry when it has a dot or a colon, or is `localhost`. */
export function parseSearchTerm(text: string): SearchTerm {
  const slash = text.indexOf('/');
  const first = text.slice(0, Math.max(slash, 0));
  if (!/[.:]/.test(first) && first !== 'localhost') return { text };
  return { host: loginDomain(first.toLowerCase()), text: text.slice(slash + 1) };
}
