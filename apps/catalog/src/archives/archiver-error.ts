import { z } from 'zod';

const refusal = z.object({ code: z.string(), message: z.string(), retryable: z.boolean() });

/** What an archiver says against a request, with a code. */
export class ArchiverError extends Error {
  override readonly name = 'ArchiverError';

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly retryable: boolean,
  ) {
    super(message);
  }
}

/** The refusal in an archiver's answer; null when it has no code. */
export function readRefusal(status: number, document: unknown): ArchiverError | null {
  const parsed = refusal.safeParse(document);
  if (!parsed.success) return null;
  const { code, message, retryable } = parsed.data;
  return new ArchiverError(status, code, message, retryable);
}
