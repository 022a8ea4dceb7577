import type { ImageAncestor } from '@entrepot/database';
import type { Digest } from '@entrepot/oci';
import type { ImageDescription } from './describe-image.js';

/** One step of how an image was built. */
export interface HistoryStep {
  /** The image after this step; null when it is not here. */
  imageId: Digest | null;
  tags: string[];
  /** RFC 3339. */
  createdAt: string | null;
  createdBy: string;
  comment: string;
  /** Bytes of the files of its layer, 0 when it made none. */
  sizeBytes: number;
}

/**
 * The steps of an image, newest first. The first of `ancestry` is the image itself; each further one names one step
 * down, as builds here leave an image after every step.
 *
 * @throws {HistoryMismatchError} the config names more steps with a layer than there are layers
 */
export function listHistory({ config, detail }: ImageDescription, ancestry: readonly ImageAncestor[]): HistoryStep[] {
  let layer = 0;
  const steps = config.history.map(({ created, createdBy = '', comment = '', emptyLayer }): HistoryStep => {
    if (!emptyLayer && layer >= detail.layers.length) throw new HistoryMismatchError(detail.id);
    const sizeBytes = emptyLayer ? 0 : (detail.layers[layer++]?.sizeBytes ?? 0);
    return { imageId: null, tags: [], createdAt: created ?? null, createdBy, comment, sizeBytes };
  });
  return steps.reverse().map((step, i) => {
    const image = ancestry[i];
    return image === undefined ? step : { ...step, imageId: image.id, tags: image.tags };
  });
}

/** The history of an image cannot be laid over its layers. The message is Docker's. */
export class HistoryMismatchError extends Error {
  override readonly name = 'HistoryMismatchError';
  readonly code = 'HISTORY_MISMATCH' as const;
  readonly retryable = false;

  constructor(readonly imageId: Digest) {
    super('too many non-empty layers in History section');
  }
}
