import { defineJob } from './define-job.js';
import { digestId, digestPayload } from './digest-payload.js';

/** Finds where unpacking of an analysed layer can begin, so that files at its end are near. */
export const findSeekPoints = defineJob({
  name: 'find-seek-points',
  payload: digestPayload,
  jobId: ({ digest }) => digestId('seek', digest),
});
