/** What a client is answered when something in a container's tree is not as it asked: status and text are Docker's. */
export class ContainerPathError extends Error {
  override readonly name = 'ContainerPathError';
  readonly code = 'CONTAINER_PATH' as const;
  readonly retryable = false;

  constructor(
    readonly status: 400 | 404 | 500,
    message: string,
  ) {
    super(message);
  }
}

/** Nothing is at this path of the container, which is named as the client did. */
export function noSuchPath(path: string, container: string): ContainerPathError {
  return new ContainerPathError(404, `Could not find the file ${path} in container ${container}`);
}
