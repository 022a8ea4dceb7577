import type { Credential } from './upstream.js';

/** What every request may bring along. */
export interface RequestContext {
  /** Instead of the configured credential of the registry. */
  credential?: Credential;
  signal?: AbortSignal;
  /** Nobody waits for it: it leaves a reserve of what a registry allows to those who do. */
  isBatch?: boolean;
  /** Told when a batch holds a connection that somebody else waits for. */
  onYield?: () => void;
  /** Asks the registry itself, for bytes that a mirror has delivered wrong. */
  withoutMirrors?: boolean;
  /** A registry said "too many requests"; told just before `RegistryLimitedError` is thrown, or the next place asked. */
  onWait?: (wait: { host: string; until: Date; reason: string }) => void;
  /** A transient fault; the client tries again after `delayMs`. */
  onRetry?: (retry: { host: string; attempt: number; reason: string; delayMs: number }) => void;
}
