import {
  asCorruptStream,
  CorruptStreamError,
  InvalidTarError,
  LayerTooLargeError,
  UnsupportedCompressionError,
} from '@entrepot/layers';

/**
 * An archive that cannot be loaded: cut, hostile, or not what its documents promise. `entry` is where; nothing of the
 * archive may be published.
 */
export class InvalidArchiveError extends Error {
  override readonly name = 'InvalidArchiveError';
  readonly code = 'INVALID_ARCHIVE' as const;
  readonly retryable = false;
  /** What dockerd prints for the same archive. */
  readonly dockerMessage: string;

  constructor(
    readonly entry: string | null,
    readonly reason: string,
    { dockerMessage, ...options }: ErrorOptions & { dockerMessage?: string } = {},
  ) {
    const message = entry === null ? `invalid archive: ${reason}` : `invalid archive: ${printable(entry)}: ${reason}`;
    super(message, options);
    this.dockerMessage = dockerMessage ?? message;
  }
}

/** What `docker load` says when a file that it needs is not in the archive. */
export function missingFile(path: string): InvalidArchiveError {
  const dockerMessage = `open ${path}: no such file or directory`;
  return new InvalidArchiveError(path, 'is not in the archive', { dockerMessage });
}

/** Says where the reading of an archive failed; what is no fault of the archive stays as it is. */
export function explainFailure(error: unknown, entry: string | null): unknown {
  const cause = asCorruptStream(error);
  if (cause instanceof InvalidTarError) return explainTar(cause, entry);
  if (cause instanceof LayerTooLargeError)
    return new InvalidArchiveError(cause.entry ?? entry, cause.reason, { cause });
  if (cause instanceof CorruptStreamError) {
    const cut = cause.reason === 'unexpected end of file';
    return new InvalidArchiveError(entry, cause.message, { cause, ...(cut && { dockerMessage: 'unexpected EOF' }) });
  }
  if (cause instanceof UnsupportedCompressionError) return new InvalidArchiveError(entry, cause.message, { cause });
  return cause;
}

function explainTar(cause: InvalidTarError, entry: string | null): InvalidArchiveError {
  if (cause.problem === 'cut') {
    return new InvalidArchiveError(entry, 'the archive ends in the middle of it', {
      cause,
      dockerMessage: 'unexpected EOF',
    });
  }
  const reason = entry === null ? 'not a tar archive' : 'invalid tar header after it';
  return new InvalidArchiveError(entry, reason, { cause, dockerMessage: 'archive/tar: invalid tar header' });
}

/** Names come from strangers: quoted when they are not plain, cut when they are long. */
function printable(name: string): string {
  const short = name.length > 200 ? `${name.slice(0, 200)}…` : name;
  return /^[\x21-\x7e…]+$/.test(short) ? short : JSON.stringify(short);
}
