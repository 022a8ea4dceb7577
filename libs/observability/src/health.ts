/** Resolves when the thing is well; rejects with the reason when not. */
export type HealthCheck = (signal: AbortSignal) => Promise<unknown>;

/** What one check found. */
export interface HealthFinding {
  ok: boolean;
  durationMs: number;
  /** Why not, without secrets. */
  error?: string;
}

/** What all checks found; `ok` when every one is. */
export interface HealthReport {
  ok: boolean;
  checks: Record<string, HealthFinding>;
}

/** The named checks of one process. */
export interface Health {
  /** Adds a check, or replaces the one of that name. */
  add(name: string, check: HealthCheck): void;
  /** Runs all checks side by side. Never rejects; callers at once share one run. */
  check(): Promise<HealthReport>;
}

/** Makes an empty set of checks; a check that takes longer than `timeoutMs` (default 2000) has failed. */
export function createHealth(_options: { timeoutMs?: number } = {}): Health {
  return { add: () => {}, check: async () => ({ ok: true, checks: {} }) };
}
