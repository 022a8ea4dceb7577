import { failureText } from '@entrepot/content';
import type { PullFailure, PullProgress } from '@entrepot/database';
import { EngineError } from '../docker-engine/engine-error.js';

/** What dockerd notices only when it has begun to answer. */
const lateCodes = new Set(['NO_MATCHING_PLATFORM', 'UNSUPPORTED_IMAGE', 'UNSUPPORTED_MANIFEST']);
const statusByCode: Readonly<Record<string, number>> = {
  MANIFEST_UNKNOWN: 404,
  NAME_UNKNOWN: 404,
  REGISTRY_DENIED: 403,
  REGISTRY_LIMITED: 429,
};

/** Whether dockerd would have begun its stream before this failure. */
export function isLateFailure({ targetDigest, error }: PullProgress): boolean {
  return targetDigest !== null || (error !== null && lateCodes.has(error.code));
}

/** The failure as a status. Never 401, at which the docker command asks for a login and hangs. */
export function failureAnswer(progress: PullProgress): EngineError {
  const text = failureText(progress);
  return new EngineError(statusOf(progress.error, text), text);
}

/** A hub that denies does not say whether there is such an image; dockerd then says that there is none. */
function statusOf(error: PullFailure | null, text: string): number {
  if (error?.code === 'REGISTRY_DENIED' && text.startsWith('pull access denied')) return 404;
  return statusByCode[error?.code ?? ''] ?? 500;
}
