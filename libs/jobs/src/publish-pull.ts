import { z } from 'zod';
import { defineJob } from './define-job.js';

/** Makes one pull's image visible, once every blob it needs is stored. */
export const publishPull = defineJob({
  name: 'publish-pull',
  payload: z.object({ pullId: z.uuid() }),
  jobId: ({ pullId }) => `publish-${pullId}`,
});
