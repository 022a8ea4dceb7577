// How limits of registries are spent; numbers in, numbers out.

/** Of the pulls a registry allows, batches leave so much to people. */
export const quotaReserve = 0.3;
/** Of the requests that may be made ahead, the same. */
const requestReserve = 0.25;

/**
 * Requests come evenly, with a second's worth ahead at most, so that no minute has more than it may. Batches leave a part of
 * what is ahead.
 */
export function requestBudget(perMinute: number, isUrgent: boolean): { costMs: number; burstMs: number } {
  const ahead = Math.floor(perMinute / 60);
  const costMs = 60_000 / (perMinute - ahead);
  const share = isUrgent ? 1 : 1 - requestReserve;
  return { costMs, burstMs: Math.floor(ahead * share) * costMs };
}

/** Bytes that one transfer may take at a time: a twentieth of a second's, but not so few that asking is the work. */
export function byteGrant(bytesPerSecond: number): number {
  return Math.max(Math.floor(bytesPerSecond / 20), 16 * 1024);
}

/** What Docker Hub says with each manifest: `ratelimit-limit: 100;w=21600`, `ratelimit-remaining: 76;w=21600`. */
export function readQuota(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): { limit: number; remaining: number; windowSeconds: number } | null {
  const limit = readCount(headers['ratelimit-limit']);
  const remaining = readCount(headers['ratelimit-remaining']);
  const windowSeconds = remaining?.windowSeconds ?? limit?.windowSeconds;
  if (!limit || !remaining || !windowSeconds || limit.count === 0) return null;
  return { limit: limit.count, remaining: Math.min(remaining.count, limit.count), windowSeconds };
}

function readCount(value: string | string[] | undefined): { count: number; windowSeconds?: number } | null {
  const [, count, window] = /^(\d{1,9})(?:\s*;\s*w=(\d{1,7}))?$/.exec([value].flat()[0]?.trim() ?? '') ?? [];
  if (count === undefined) return null;
  return window === undefined ? { count: Number(count) } : { count: Number(count), windowSeconds: Number(window) };
}
