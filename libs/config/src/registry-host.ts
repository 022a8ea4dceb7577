const dockerHub = 'docker.io';
const dockerHubAliases = ['docker.io', 'index.docker.io', 'registry-1.docker.io', 'registry.hub.docker.com'];

/** A registry's name as references carry it: lower case, every name of Docker Hub as `docker.io`. Null when it is none. */
export function normalizeRegistryHost(text: string): string | null {
  const host = text.trim().toLowerCase();
  if (!/^(\[[0-9a-f:]+\]|[a-z0-9]([a-z0-9.-]*[a-z0-9])?)(:\d{1,5})?$/.test(host)) return null;
  return dockerHubAliases.includes(host.replace(/:443$/, '')) ? dockerHub : host;
}
