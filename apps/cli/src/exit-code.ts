/** What a script can trust: 0 done, 1 failed, 2 wrong usage, 3 some of it failed, 130 ended by Ctrl-C. */
export const exitCodes = { done: 0, failed: 1, usage: 2, partly: 3, interrupted: 130 } as const;

/** The command was not used as it can be. Exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly code = 'USAGE';
  readonly retryable = false;
}

/** Some items failed, the others are done. Exit code 3. */
export class PartialFailureError extends Error {
  override readonly name = 'PartialFailureError';
  readonly code = 'PARTLY_FAILED';
  readonly retryable = true;
}
