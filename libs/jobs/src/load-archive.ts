import { z } from 'zod';
import { defineJob } from './define-job.js';

/** Loads an archive from where its row says. */
export const loadArchive = defineJob({
  name: 'load-archive',
  payload: z.object({ archiveId: z.uuid() }),
  jobId: ({ archiveId }) => `load-${archiveId}`,
});
