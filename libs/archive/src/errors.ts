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
  return new InvalidArchiveError(path, 'is not in the archive', {
    dockerMessage: `open ${path}: no such file or directory`,
  });
}

/** Names come from strangers: quoted when they are not plain, cut when they are long. */
function printable(name: string): string {
  const short = name.length > 200 ? `${name.slice(0, 200)}…` : name;
  return /^[\x21-\x7e…]+$/.test(short) ? short : JSON.stringify(short);
}
