import { findDueWork, tendPulls } from '@entrepot/content';
import { jobCatalogue } from '@entrepot/jobs';
import type { PullerParts } from './parts.js';

/** Asks again for every step that the database says is due, whether its job was lost or only waits. */
export async function sweep({ content, queue }: PullerParts): Promise<void> {
  const due = await findDueWork(content);
  await queue.enqueueMany(
    jobCatalogue.publishPull,
    due.publish.map((pullId) => ({ pullId })),
  );
  await queue.enqueueMany(
    jobCatalogue.resolvePull,
    due.resolve.map((pullId) => ({ pullId })),
  );
  await queue.enqueueMany(
    jobCatalogue.planBatch,
    due.plan.map((batchId) => ({ batchId })),
  );
  await queue.enqueueMany(
    jobCatalogue.runSchedule,
    [...new Set(due.run)].map((runId) => ({ runId })),
  );
  await queue.enqueueMany(
    jobCatalogue.fetchBatchBlob,
    due.fetchForBatches.map((digest) => ({ digest })),
  );
  await queue.enqueueMany(
    jobCatalogue.fetchBlob,
    due.fetch.map((digest) => ({ digest })),
  );
}

/** Ends what nobody watches or what has waited too long, and forgets what ended long ago. */
export async function tend({ content }: PullerParts): Promise<void> {
  await tendPulls(content);
}
