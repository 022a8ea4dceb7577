/** A Dockerfile that cannot be built, in Docker's words. */
export class DockerfileError extends Error {
  override readonly name: string = 'DockerfileError';
  readonly code = 'DOCKERFILE' as const;
  readonly retryable = false;
}

/** A line of a Dockerfile that is wrong. */
export class DockerfileLineError extends DockerfileError {
  override readonly name = 'DockerfileLineError';

  constructor(
    readonly line: number,
    readonly reason: string,
  ) {
    super(`dockerfile parse error on line ${line}: ${reason}`);
  }
}
