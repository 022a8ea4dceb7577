/** One thing that is wrong: a variable (or a field of a file) and what is expected there. */
export interface ConfigIssue {
  name: string;
  expected: string;
}

/** The environment cannot be used. Names variables and what they must look like, never their values. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'CONFIG' as const;
  readonly retryable = false;

  constructor(readonly issues: readonly ConfigIssue[]) {
    super(`configuration: ${issues.map(({ name, expected }) => `${name}: ${expected}`).join('; ')}`);
  }
}
