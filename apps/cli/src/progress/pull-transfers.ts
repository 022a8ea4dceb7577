import type { EndpointOutput, followPull } from '@entrepot/platform-api';
import { shortId } from '../names.js';
import type { Transfer } from './progress-view.js';

type PullProgress = EndpointOutput<typeof followPull>;

/** The layers of a pull as they are shown; its config is too small to be worth a line. */
export function pullTransfers({ blobs }: Pick<PullProgress, 'blobs'>): Transfer[] {
  return blobs
    .filter(({ mediaType }) => !/(image\.v1|image\.config\.v1)\+json$/.test(mediaType))
    .map(({ digest, sizeBytes, bytesDone, wasHere, stored }) => ({
      id: digest,
      label: shortId(digest),
      doneBytes: stored ? sizeBytes : bytesDone,
      totalBytes: sizeBytes,
      status: wasHere ? 'Already exists' : stored ? 'Pull complete' : '',
    }));
}
