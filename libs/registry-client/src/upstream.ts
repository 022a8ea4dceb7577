/** How one registry is reached. Everything but the host has a sensible default. */
export interface Upstream {
  /** The domain of references: `docker.io`, `ghcr.io`, `127.0.0.1:5000`. */
  host: string;
  /** Address to talk to instead of `https://<host>`; may carry a path before `/v2/`. */
  endpoint?: string;
  /** Addresses asked before the endpoint. They never see the credential of this registry. */
  mirrors?: string[];
  /** Any certificate, and plain HTTP where no TLS is spoken. */
  insecure?: boolean;
  /** PEM text of a certificate authority trusted beside the usual ones. */
  ca?: string;
  /** Used when a request brings no credential of its own. */
  credential?: Credential;
  /** Sockets to one address at the same time. */
  maxConnections?: number;
  /** How it is searched; when not given, Docker Hub as such and any other as a plain registry. */
  kind?: RegistryKind;
}

/** Which API beside the distribution protocol a registry speaks. */
export type RegistryKind = 'docker-hub' | 'harbor' | 'quay' | 'zot' | 'distribution';

/** What a registry is shown to be let in. An identity token is exchanged for access tokens, a registry token is one. */
export type Credential = { username: string; password: string } | { identityToken: string } | { registryToken: string };

/** The network address of a domain when nothing is configured; a registry on this machine may turn out to be plain. */
export function defaultEndpoint(host: string): string {
  if (host === 'docker.io') return 'https://registry-1.docker.io';
  return `https://${host}`;
}

/** Whether it may be asked by plain HTTP although no address says so. */
export function isOpenToPlain({ host, endpoint, insecure }: Upstream): boolean {
  return endpoint === undefined && (insecure === true || isLoopbackHost(host));
}

/** Whether a host, with or without a port, names this machine. */
export function isLoopbackHost(host: string): boolean {
  const name = host
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase();
  return name === 'localhost' || name === '::1' || /^127(\.\d{1,3}){3}$/.test(name);
}

/** The domain that a login names: `https://index.docker.io/v1/` and `index.docker.io` are `docker.io`. */
export function loginDomain(serverAddress: string): string {
  const host = serverAddress.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
  const isHub = ['', 'index.docker.io', 'registry-1.docker.io', 'docker.io'].includes(host);
  return isHub ? 'docker.io' : host;
}
