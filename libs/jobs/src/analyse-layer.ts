import { defineJob } from './define-job.js';
import { digestId, digestPayload } from './digest-payload.js';

/** Unpacks one stored layer on the fly to learn its diff id, its real size and its files. */
export const analyseLayer = defineJob({
  name: 'analyse-layer',
  payload: digestPayload,
  jobId: ({ digest }) => digestId('analyse', digest),
});
