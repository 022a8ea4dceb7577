/** Whoever asks has not shown who they are, or not with something that is good. */
export class AccessDeniedError extends Error {
  override readonly name = 'AccessDeniedError';
  readonly code = 'UNAUTHENTICATED' as const;
  readonly retryable = false;
}

/** Whoever asks is known, and may not do this. */
export class RoleTooLowError extends Error {
  override readonly name = 'RoleTooLowError';
  readonly code = 'ROLE_TOO_LOW' as const;
  readonly retryable = false;

  constructor(
    readonly caller: string,
    readonly role: string,
    readonly needed: string,
  ) {
    super(`${caller} is ${role === 'anyone' ? 'nobody' : role} here, and this needs the role ${needed}`);
  }
}
