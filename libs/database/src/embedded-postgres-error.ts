/** The embedded PostgreSQL cannot be made or started; the message is one line. Retrying does not help. */
export class EmbeddedPostgresError extends Error {
  override readonly name = 'EmbeddedPostgresError';
  readonly code = 'EMBEDDED_POSTGRES';
  readonly retryable = false;
}

/** Turns what the server said before it ended into one line, and passes all of it to `log`. */
export function explainLog(said: string, folder: string, log?: (line: string) => void): EmbeddedPostgresError {
  const lines = said.split('\n').filter((line) => line.trim() !== '');
  for (const line of lines) log?.(line);
  if (/No space left on device/i.test(said)) return new EmbeddedPostgresError(`the disk of ${folder} is full`);
  const reason = lines.findLast((line) => /\b(FATAL|PANIC|error):/.test(line)) ?? lines.at(-1) ?? 'it said nothing';
  const text = reason.replace(/^.*?\b(FATAL|PANIC|error):\s*/, '');
  return new EmbeddedPostgresError(`postgresql in ${folder} did not start: ${text}`);
}
