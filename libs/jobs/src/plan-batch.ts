import { z } from 'zod';
import { defineJob } from './define-job.js';

/** Finds out what the items of a batch need; or of a dry run, which ends there. */
export const planBatch = defineJob({
  name: 'plan-batch',
  payload: z.object({ batchId: z.uuid() }),
  jobId: ({ batchId }) => `plan-batch-${batchId}`,
});
