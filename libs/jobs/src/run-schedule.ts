import { z } from 'zod';
import { defineJob } from './define-job.js';

/** Lists the repositories of a schedule and makes one run of it a batch. */
export const runSchedule = defineJob({
  name: 'run-schedule',
  payload: z.object({ runId: z.uuid() }),
  jobId: ({ runId }) => `run-schedule-${runId}`,
});
