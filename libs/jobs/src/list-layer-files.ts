import { defineJob } from './define-job.js';
import { digestId, digestPayload } from './digest-payload.js';

/** Writes down the files and packages of an analysed layer where they can be searched. */
export const listLayerFiles = defineJob({
  name: 'list-layer-files',
  payload: digestPayload,
  jobId: ({ digest }) => digestId('list', digest),
});
