import { z } from 'zod';
import { defineJob } from './define-job.js';

/** Runs one round of the collection. There is one id, so rounds asked for while one waits become one. */
export const collect = defineJob({
  name: 'collect',
  payload: z.object({}),
  jobId: () => 'collect',
});
