import { strikeSecrets } from './strike-secrets.js';

/** Resolves when the thing is well; rejects with the reason when not. The signal aborts when nobody waits any more. */
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
  /** Runs all checks side by side. Never rejects, ends in time; callers at the same time share one run. */
  check(): Promise<HealthReport>;
}

/** Makes an empty set of checks; a check that takes longer than `timeoutMs` (default 2000) has failed. */
export function createHealth({ timeoutMs = 2_000 }: { timeoutMs?: number } = {}): Health {
  const checks = new Map<string, HealthCheck>();
  let running: Promise<HealthReport> | undefined;
  return {
    add: (name, check) => void checks.set(name, check),
    check: () => {
      running ??= runAll(checks, timeoutMs).finally(() => {
        running = undefined;
      });
      return running;
    },
  };
}

async function runAll(checks: ReadonlyMap<string, HealthCheck>, timeoutMs: number): Promise<HealthReport> {
  const findings = await Promise.all(
    [...checks].map(async ([name, check]) => [name, await run(check, timeoutMs)] as const),
  );
  return { ok: findings.every(([, { ok }]) => ok), checks: Object.fromEntries(findings) };
}

async function run(check: HealthCheck, timeoutMs: number): Promise<HealthFinding> {
  const from = performance.now();
  const durationMs = () => Math.round(performance.now() - from);
  const patience = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const error = new Error(`no answer within ${timeoutMs} ms`);
      reject(error);
      patience.abort(error);
    }, timeoutMs);
  });
  try {
    await Promise.race([check(patience.signal), late]);
    return { ok: true, durationMs: durationMs() };
  } catch (error) {
    return { ok: false, durationMs: durationMs(), error: textOf(error) };
  } finally {
    clearTimeout(timer);
  }
}

/** A connection that was refused on every address is an AggregateError without a message. */
function textOf(error: unknown): string {
  const message = error instanceof Error ? error.message || error.name : String(error);
  return strikeSecrets(message).slice(0, 500);
}
