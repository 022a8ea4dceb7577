import type { PullProgress } from '@entrepot/database';
import { MEDIA_TYPES } from '@entrepot/oci';
import type { PullView } from './pull-messages.js';

const configTypes: readonly string[] = [MEDIA_TYPES.dockerConfig, MEDIA_TYPES.ociConfig];

/** A look at a pull as the messages need it. */
export function viewOf(progress: PullProgress): PullView {
  return {
    blobs: progress.layers.map((blob) => ({ ...blob, isLayer: !configTypes.includes(blob.mediaType) })),
    lines: progress.events.map(({ line }) => line),
    target: progress.targetDigest ?? undefined,
    outcome: progress.outcome ?? undefined,
  };
}

/** What the client is told about a pull that did not get there. */
export function failureText({ error, state }: PullProgress): string {
  if (error) return error.dockerMessage ?? error.message;
  return state === 'cancelled' ? 'context canceled' : 'the pull failed';
}
