import type { CodedError, Digest } from '@entrepot/oci';

/** What can be said about a failure beside its class. */
export interface RegistryErrorFacts {
  /** What the registry answered with, when it did. */
  status?: number;
  /** What dockerd 28 prints for it; the message itself when not given. */
  dockerMessage?: string;
  /** The status dockerd 28 gives its client; 500 when not given. */
  dockerStatus?: number;
  cause?: unknown;
}

/** What all failures of this client have in common. */
export abstract class RegistryError extends Error implements CodedError {
  abstract readonly code: string;
  readonly retryable: boolean = false;
  readonly status: number | undefined;
  readonly dockerMessage: string;
  readonly dockerStatus: number;

  constructor(
    readonly host: string,
    message: string,
    facts: RegistryErrorFacts = {},
  ) {
    super(message, { cause: facts.cause });
    this.status = facts.status;
    this.dockerMessage = facts.dockerMessage ?? message;
    this.dockerStatus = facts.dockerStatus ?? 500;
  }
}

/** No answer: no such name, refused, reset, timed out, or a body that broke off too often. */
export class RegistryUnreachableError extends RegistryError {
  override readonly name = 'RegistryUnreachableError';
  readonly code = 'REGISTRY_UNREACHABLE' as const;
  override readonly retryable = true;

  constructor(host: string, reason: string, facts?: RegistryErrorFacts) {
    super(host, `registry ${host} cannot be reached: ${reason}`, facts);
  }
}

/** The registry wants credentials, or others than these. */
export class RegistryUnauthorizedError extends RegistryError {
  override readonly name = 'RegistryUnauthorizedError';
  readonly code = 'REGISTRY_UNAUTHORIZED' as const;
}

/** The registry knows who asks and says no, or does not say whether the repository exists. */
export class RegistryDeniedError extends RegistryError {
  override readonly name = 'RegistryDeniedError';
  readonly code = 'REGISTRY_DENIED' as const;
}

/** No such tag or manifest. */
export class ManifestUnknownError extends RegistryError {
  override readonly name = 'ManifestUnknownError';
  readonly code = 'MANIFEST_UNKNOWN' as const;
}

/** No such repository. */
export class RepositoryUnknownError extends RegistryError {
  override readonly name = 'RepositoryUnknownError';
  readonly code = 'NAME_UNKNOWN' as const;
}

/** A manifest names a blob that the registry does not have. */
export class BlobUnknownError extends RegistryError {
  override readonly name = 'BlobUnknownError';
  readonly code = 'BLOB_UNKNOWN' as const;

  constructor(
    host: string,
    readonly digest: Digest,
    facts?: RegistryErrorFacts,
  ) {
    super(host, `registry ${host} has no blob ${digest}`, { dockerMessage: 'unknown blob', ...facts });
  }
}

/** Too many requests. Nothing is wrong, but nothing will come before `until`; no attempt should be counted. */
export class RegistryLimitedError extends RegistryError {
  override readonly name = 'RegistryLimitedError';
  readonly code = 'REGISTRY_LIMITED' as const;
  override readonly retryable = true;

  constructor(
    host: string,
    readonly until: Date,
    readonly reason: string,
    facts?: RegistryErrorFacts,
  ) {
    super(host, `registry ${host} limits requests until ${until.toISOString()}: ${reason}`, facts);
  }
}

/** The registry answered that it is in trouble itself (5xx). */
export class RegistryFaultError extends RegistryError {
  override readonly name = 'RegistryFaultError';
  readonly code = 'REGISTRY_FAULT' as const;
  override readonly retryable = true;
}

/** An answer that makes no sense or is not safe to follow; asking again will not help. */
export class RegistryProtocolError extends RegistryError {
  override readonly name = 'RegistryProtocolError';
  readonly code = 'REGISTRY_PROTOCOL' as const;

  constructor(host: string, reason: string, facts?: RegistryErrorFacts) {
    super(host, `registry ${host}: ${reason}`, facts);
  }
}

/** The bytes are not what their digest or size promises. */
export class ContentMismatchError extends RegistryError {
  override readonly name = 'ContentMismatchError';
  readonly code = 'CONTENT_MISMATCH' as const;
}

/** More bytes than we are willing to take. */
export class ContentTooLargeError extends RegistryError {
  override readonly name = 'ContentTooLargeError';
  readonly code = 'CONTENT_TOO_LARGE' as const;

  constructor(
    host: string,
    what: string,
    readonly maxBytes: number,
  ) {
    super(host, `${what} from ${host} is larger than ${maxBytes} bytes`);
  }
}
