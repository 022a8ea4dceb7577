import { defineJob } from './define-job.js';
import { digestId, digestPayload } from './digest-payload.js';

/** Brings one missing blob from an upstream registry into the blob store, for every pull that waits for it. */
export const fetchBlob = defineJob({
  name: 'fetch-blob',
  payload: digestPayload,
  jobId: ({ digest }) => digestId('fetch', digest),
});
