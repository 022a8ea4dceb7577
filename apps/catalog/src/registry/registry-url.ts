const paths = new Set(['/v1/search', '/v2']);

/** Whether a URL is one that daemons ask registries for, who show a name and a password instead of a token. */
export function isRegistryUrl(url: string): boolean {
  return paths.has(url.split('?')[0] ?? '');
}
