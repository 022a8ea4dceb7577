/** Told about an error, and how many of its kind were left out since the last time. */
export type ErrorListener = (error: Error, leftOut: number) => void;

/** Where errors go in. */
export interface ErrorThrottle {
  report(error: unknown): void;
  /** From now on nothing is reported. */
  mute(): void;
}

/**
 * Lets one error of a kind through per window. A backend that is gone makes thousands of equal errors a second; a log
 * needs one of them. Numbers in the text do not make another kind.
 */
export function throttleErrors(listener: ErrorListener, windowMs = 10_000, now = Date.now): ErrorThrottle {
  const kinds = new Map<string, { until: number; leftOut: number }>();
  let isMute = false;
  const report = (thrown: unknown) => {
    if (isMute) return;
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    const kind = `${error.name} ${error.message.replace(/[0-9a-f-]{8,}|\d+/g, '#').slice(0, 80)}`;
    const known = kinds.get(kind);
    if (known !== undefined && now() < known.until) {
      known.leftOut += 1;
      return;
    }
    if (kinds.size >= maxKinds) kinds.clear();
    kinds.set(kind, { until: now() + windowMs, leftOut: 0 });
    listener(error, known?.leftOut ?? 0);
  };
  const mute = () => {
    isMute = true;
  };
  return { report, mute };
}

const maxKinds = 100;
