import type { Descriptor, Digest, Reference } from '@entrepot/oci';
import type { RequestContext } from './request-context.js';
import type { RetryPolicy } from './retry.js';
import type { Credential, Upstream } from './upstream.js';

export interface RegistryClientOptions {
  upstreams?: Upstream[];
  /** Without a byte for this long a connection counts as broken; default 30 000. */
  idleTimeoutMs?: number;
  connectTimeoutMs?: number;
  userAgent?: string;
  /** For tests: how often and how long to wait between tries. */
  retry?: { requests?: Partial<RetryPolicy>; bodies?: Partial<RetryPolicy> };
}

export interface FetchedManifest {
  bytes: Buffer;
  mediaType: string;
  digest: Digest;
}
export interface DownloadOptions extends RequestContext {
  fromByte?: number;
  onChunk(chunk: Buffer): void | Promise<void>;
}

export class RegistryClient {
  constructor(_options: RegistryClientOptions = {}) {}
  resolve(
    _reference: Reference,
    _context: RequestContext,
  ): Promise<{ descriptor: Descriptor; manifest?: FetchedManifest }> {
    throw new Error('todo');
  }
  getManifest(_repository: string, _digestOrTag: string, _context: RequestContext): Promise<FetchedManifest> {
    throw new Error('todo');
  }
  downloadBlob(_repository: string, _descriptor: Descriptor, _options: DownloadOptions): Promise<void> {
    throw new Error('todo');
  }
  getBlob(_repository: string, _descriptor: Descriptor, _context: RequestContext, _maxBytes?: number): Promise<Buffer> {
    throw new Error('todo');
  }
  listTags(_repository: string, _context: RequestContext): AsyncIterable<string[]> {
    throw new Error('todo');
  }
  checkLogin(_host: string, _credential: Credential, _context?: RequestContext): Promise<void> {
    throw new Error('todo');
  }
  close(): Promise<void> {
    throw new Error('todo');
  }
}
