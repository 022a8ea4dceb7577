const defaultWaitMs = 30_000;
const maxWaitMs = 24 * 60 * 60 * 1000;

/** When a registry that limits us may be asked again; without a usable word from it, in half a minute. */
export function retryAt(retryAfter: string | undefined, now: Date = new Date()): Date {
  const waitMs = parseRetryAfter(retryAfter, now) ?? defaultWaitMs;
  return new Date(now.getTime() + Math.min(waitMs, maxWaitMs));
}

/** How long a `Retry-After` header (seconds or a date) asks to wait; null when absent, senseless or in the past. */
export function parseRetryAfter(text: string | undefined, now: Date): number | null {
  if (text === undefined) return null;
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const waitMs = Date.parse(text) - now.getTime();
  return waitMs > 0 ? waitMs : null;
}
