/** Why a build ends, in the words for the client; the status counts as long as nothing was said. */
export class BuildError extends Error {
  override readonly name = 'BuildError';
  readonly code = 'BUILD' as const;
  readonly retryable = false;

  constructor(
    readonly status: 400 | 404 | 500 | 501,
    message: string,
    /** What the docker command ends with, of a step that ran and failed. */
    readonly exitCode?: number,
  ) {
    super(message);
  }
}
