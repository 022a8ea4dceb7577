/** Whether a transfer broke off, or cannot go on at this moment, so that it may be taken up again. */
export function isCut(error: unknown): boolean {
  const { code, retryable } = error as NodeJS.ErrnoException & { retryable?: boolean };
  return retryable === true || (typeof code === 'string' && /^(UND_ERR_|ECONN|EPIPE)/.test(code));
}
