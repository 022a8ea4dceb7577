import type { PullFailure, PullProgress } from '@entrepot/database';
import { MEDIA_TYPES } from '@entrepot/oci';
import { EngineError } from '../docker-engine/engine-error.js';
import type { PullView } from './pull-messages.js';

const configTypes: readonly string[] = [MEDIA_TYPES.dockerConfig, MEDIA_TYPES.ociConfig];
/** What dockerd notices only when it has begun to answer. */
const lateCodes = new Set(['NO_MATCHING_PLATFORM', 'UNSUPPORTED_IMAGE', 'UNSUPPORTED_MANIFEST']);
const statusByCode: Readonly<Record<string, number>> = {
  MANIFEST_UNKNOWN: 404,
  NAME_UNKNOWN: 404,
  REGISTRY_DENIED: 403,
  REGISTRY_LIMITED: 429,
};

/** A look at a pull as the messages need it. */
export function viewOf(progress: PullProgress): PullView {
  return {
    blobs: progress.layers.map((blob) => ({ ...blob, isLayer: !configTypes.includes(blob.mediaType) })),
    lines: progress.events.map(({ line }) => line),
    target: progress.targetDigest ?? undefined,
    outcome: progress.outcome ?? undefined,
  };
}

/** Whether dockerd would have begun its stream before this failure. */
export function isLateFailure({ targetDigest, error }: PullProgress): boolean {
  return targetDigest !== null || (error !== null && lateCodes.has(error.code));
}

/** What the client is told about a pull that did not get there. */
export function failureText({ error, state }: PullProgress): string {
  if (error) return error.dockerMessage ?? error.message;
  return state === 'cancelled' ? 'context canceled' : 'the pull failed';
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
