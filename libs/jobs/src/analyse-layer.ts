import type { Digest } from '@entrepot/oci';
import { defineJob } from './define-job.js';
import { digestId, digestPayload } from './digest-payload.js';
import type { JobQueue } from './job-queue.js';

/** Unpacks one stored layer on the fly to learn its diff id, its real size and its files. */
export const analyseLayer = defineJob({
  name: 'analyse-layer',
  payload: digestPayload,
  jobId: ({ digest }) => digestId('analyse', digest),
});

/** How layers get their jobs on a queue, so much later. */
export function analysesOn(queue: JobQueue): (layers: readonly Digest[], delayMs: number) => Promise<void> {
  return (layers, delayMs) =>
    queue.enqueueMany(
      analyseLayer,
      layers.map((digest) => ({ digest })),
      { delayMs },
    );
}
