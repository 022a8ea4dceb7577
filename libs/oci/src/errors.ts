/** What every error of ours carries: a literal code to branch on and whether the same call may succeed later. */
export interface CodedError extends Error {
  readonly code: string;
  readonly retryable: boolean;
}

/** Whether `error` says itself what it is and whether to try again. Node's own errors (code, no retryable) do not count. */
export function isCodedError(error: unknown): error is CodedError {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    'retryable' in error &&
    typeof error.retryable === 'boolean'
  );
}

const maxQuotedLength = 200;

/** Untrusted text for a message: quoted, control characters escaped, cut when long. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > maxQuotedLength ? `${text.slice(0, maxQuotedLength)}…` : text);
}
