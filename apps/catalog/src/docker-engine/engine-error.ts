/** An answer to a Docker client that only this API knows: its status and Docker's own words. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
  readonly code = 'ENGINE' as const;
  readonly retryable = false;

  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** What this server is, for requests that need something else. */
export function notSupported(what: string): EngineError {
  return new EngineError(
    501,
    `Entrepot keeps container images (pull, list, tag, save, load, remove) and is not a container runtime: it does not ${what}`,
  );
}
