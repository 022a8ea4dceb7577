import { BlobMismatchError, InvalidImageError } from '@entrepot/content';
import type { PullFailure } from '@entrepot/database';
import { isCodedError, MEDIA_TYPES, type UnsupportedManifestError } from '@entrepot/oci';
import { RegistryError, RegistryLimitedError } from '@entrepot/registry-client';

const configTypes: readonly string[] = [MEDIA_TYPES.dockerConfig, MEDIA_TYPES.ociConfig];

/**
 * Whether the pull is at fault or its registry, so that trying the same again here would not help. What is left is
 * trouble of our own (database, store, queue), which passes.
 */
export function isFinal(error: unknown): boolean {
  return error instanceof RegistryError || (isCodedError(error) && !error.retryable);
}

/** What the watchers of a pull are told. */
export function describeFailure(error: unknown): PullFailure {
  if (!(error instanceof Error)) return { code: 'UNKNOWN', message: String(error) };
  const failure = { code: isCodedError(error) ? error.code : 'UNKNOWN', message: error.message };
  const dockerMessage = dockerWords(error);
  return dockerMessage === undefined ? failure : { ...failure, dockerMessage };
}

/** As `describeFailure`, of one blob; Docker speaks of a config in other words than of a layer. */
export function describeBlobFailure(error: unknown, mediaType: string): PullFailure {
  const failure = describeFailure(error);
  if (!configTypes.includes(mediaType)) return failure;
  const words =
    error instanceof BlobMismatchError
      ? `image config verification failed for digest ${error.expected.digest}`
      : `download failed after attempts=1: ${failure.dockerMessage ?? failure.message}`;
  return { ...failure, dockerMessage: `error pulling image configuration: ${words}` };
}

/** The line of the timeline for a registry that lets us wait. */
export function waitLine({ host, status, until, reason }: RegistryLimitedError): string {
  const why = status === undefined ? reason : `${status} from ${host}`;
  return `${why}, waiting until ${until.toISOString().slice(11, 19)} UTC`;
}

function dockerWords(error: Error): string | undefined {
  if (error instanceof RegistryError) return error.dockerMessage;
  if (error instanceof BlobMismatchError)
    return `filesystem layer verification failed for digest ${error.expected.digest}`;
  if (error instanceof InvalidImageError)
    return `layers from manifest don't match image configuration (${error.message})`;
  return 'dockerMessage' in error && typeof error.dockerMessage === 'string' ? error.dockerMessage : undefined;
}

/** The manifest is of the format that Docker gave up. */
export class Schema1Error extends Error {
  override readonly name = 'Schema1Error';
  readonly code = 'UNSUPPORTED_MANIFEST' as const;
  readonly retryable = false;
  readonly dockerMessage: string;

  constructor(reference: string, cause: UnsupportedManifestError) {
    super(`${reference}: ${cause.message}`, { cause });
    this.dockerMessage =
      'Docker Image Format v1 and Docker Image manifest version 2, schema 1 support has been removed. ' +
      `Suggest the author of ${reference} to upgrade the image to the OCI Format or Docker Image manifest v2, schema 2. ` +
      'More information at https://docs.docker.com/go/deprecated-image-specs/';
  }
}

/** The manifest describes something else than an image that can be kept here. */
export class UnsupportedImageError extends Error {
  override readonly name = 'UnsupportedImageError';
  readonly code = 'UNSUPPORTED_IMAGE' as const;
  readonly retryable = false;

  constructor(readonly mediaType: string) {
    super(`unsupported media type ${mediaType}`);
  }
}
