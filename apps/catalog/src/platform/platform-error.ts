import type { Problem } from '@entrepot/platform-api';

/** A part of a request that is wrong. */
export type InputIssue = NonNullable<Problem['errors']>[number];

/** A refusal that only this API knows; other errors get their status from their code. */
export class PlatformError extends Error {
  override readonly name = 'PlatformError';

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly details: { retryable?: boolean; errors?: InputIssue[]; headers?: Record<string, string> } = {},
  ) {
    super(message);
  }

  get retryable(): boolean {
    return this.details.retryable ?? false;
  }
}
