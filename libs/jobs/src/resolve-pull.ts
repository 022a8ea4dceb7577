import { z } from 'zod';
import { defineJob } from './define-job.js';

/** Finds out what one pull needs. Carries the id only; the puller reads the rest from the database. */
export const resolvePull = defineJob({
  name: 'resolve-pull',
  payload: z.object({ pullId: z.uuid() }),
  jobId: ({ pullId }) => `resolve-${pullId}`,
});
