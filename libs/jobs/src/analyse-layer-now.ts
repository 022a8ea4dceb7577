import { defineJob } from './define-job.js';
import { digestId, digestPayload } from './digest-payload.js';

/** The same as `analyse-layer` for a layer that somebody waits for: it has a queue of its own, so nothing is before it. */
export const analyseLayerNow = defineJob({
  name: 'analyse-layer-now',
  payload: digestPayload,
  jobId: ({ digest }) => digestId('analyse-now', digest),
});
