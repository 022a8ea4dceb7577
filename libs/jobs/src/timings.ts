/** How patient a queue is. Tests shorten these; services take the defaults. */
export interface QueueTimings {
  /** A job whose worker was silent this long may be taken by another one. */
  lockMs: number;
  /** How often silent workers are looked for. A job of a dead worker runs again after about `lockMs + 2 × stalledCheckMs`. */
  stalledCheckMs: number;
  /** Pause before the second try; it doubles from try to try. */
  backoffMs: number;
  /** How long the backend may take to answer `enqueue`, `queueCounts` and `ping`. */
  answerMs: number;
  /** Pause between two knocks on a backend that is gone. */
  knockMs: number;
}

/** The timings of a service. */
export const defaultTimings: QueueTimings = {
  lockMs: 15_000,
  stalledCheckMs: 5_000,
  backoffMs: 1_000,
  answerMs: 5_000,
  knockMs: 500,
};

/** Tries of a job that fails with errors which may pass. */
export const maxAttempts = 5;

/** How often a job may lose its worker before it fails for good: it is probably what kills them. */
export const maxStalledCount = 10;

/** How long a worker that closes may take, after the grace, to put back what it was doing. */
export const closeMs = 500;
