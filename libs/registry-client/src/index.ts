export {
  BlobUnknownError,
  ContentMismatchError,
  ContentTooLargeError,
  ManifestUnknownError,
  RegistryDeniedError,
  RegistryError,
  RegistryFaultError,
  RegistryLimitedError,
  RegistryProtocolError,
  RegistryUnauthorizedError,
  RegistryUnreachableError,
  RepositoryUnknownError,
} from './errors.js';
export { type Reach, UnsafeHopError } from './hop-safety.js';
export { DownloadError, type DownloadRequest, type OpenDownload, openDownload } from './open-download.js';
export { parseRegistryAuth } from './registry-auth.js';
export {
  type DownloadOptions,
  type FetchedManifest,
  RegistryClient,
  type RegistryClientOptions,
} from './registry-client.js';
export type { RequestContext } from './request-context.js';
export type { GateRequest, Passage, RequestGate } from './request-gate.js';
export type { RetryPolicy } from './retry.js';
export type { SearchAnswer, SearchHit } from './search/search-hit.js';
export type { SearchQuery } from './search/search-registry.js';
export { type Credential, isLoopbackHost, loginDomain, type Upstream } from './upstream.js';
