import { z } from 'zod';
import { defineJob } from './define-job.js';

/** Plans one archive to save and takes the leases for it. */
export const planArchive = defineJob({
  name: 'plan-archive',
  payload: z.object({ archiveId: z.uuid() }),
  jobId: ({ archiveId }) => `plan-${archiveId}`,
});
