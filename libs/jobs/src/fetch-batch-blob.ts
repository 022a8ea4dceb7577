import { defineJob } from './define-job.js';
import { digestId, digestPayload } from './digest-payload.js';

/** As `fetchBlob`, for a blob that only batches wait for: the transfer gives way at a chunk's end to those of people. */
export const fetchBatchBlob = defineJob({
  name: 'fetch-batch-blob',
  payload: digestPayload,
  jobId: ({ digest }) => digestId('fetch-batch', digest),
});
