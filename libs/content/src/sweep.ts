import {
  advancePulls,
  deleteFinishedBatches,
  deleteFinishedPulls,
  deleteIdleFetches,
  expirePlannedManifests,
  listDueFetches,
  listDuePulls,
  listDueRuns,
  listImpatientPulls,
  listPlannedBlobs,
  listStalledPulls,
  listUnplannedBatches,
  listUnwatchedPulls,
  lockFetchesOf,
  lockPull,
  renewPullLeases,
  type Tx,
} from '@entrepot/database';
import type { Digest } from '@entrepot/oci';
import { type ContentContext, pullLeaseMs } from './context.js';
import { endPulls, interactivePatienceMs } from './end-pull.js';
import { leaseOrQueue } from './lease-or-queue.js';
import { cancelUnwatched } from './pulling.js';
import { beginDueRuns } from './schedules.js';

const batch = 500;
const forgetPullsAfterMs = 24 * 60 * 60_000;
const forgetBatchesAfterMs = 30 * forgetPullsAfterMs;

/** What the database says is due; the caller queues it. */
export interface DueWork {
  resolve: string[];
  fetch: Digest[];
  /** Those that only batches wait for. */
  fetchForBatches: Digest[];
  publish: string[];
  plan: string[];
  /** Runs of schedules. */
  run: string[];
}

/** The next steps nobody has taken, whether their jobs were lost or only late. */
export async function findDueWork(context: ContentContext): Promise<DueWork> {
  const { prisma } = context.database;
  const pulls = await listDuePulls(prisma, batch);
  const fetches = await listDueFetches(prisma, batch);
  return {
    resolve: pulls.filter(({ state }) => state === 'queued').map(({ id }) => id),
    publish: pulls.filter(({ state }) => state === 'publishing').map(({ id }) => id),
    fetch: fetches.filter(({ urgent }) => urgent).map(({ digest }) => digest),
    fetchForBatches: fetches.filter(({ urgent }) => !urgent).map(({ digest }) => digest),
    plan: await listUnplannedBatches(prisma, batch),
    run: [...(await beginDueRuns(context)), ...(await listDueRuns(prisma, batch))],
  };
}

/**
 * Looks after pulls, a few times a minute: cancels those nobody watches any more, fails those whose patience ends
 * before their registry's, keeps the leases of the others and replaces those that were lost, forgets what ended long
 * ago.
 */
export async function tendPulls(context: ContentContext): Promise<void> {
  const { database } = context;
  for (const pullId of await listUnwatchedPulls(database.prisma, batch)) {
    await database.transaction((tx) => cancelUnwatched(tx, pullId));
  }
  for (const { pullId, error } of await listImpatientPulls(database.prisma, interactivePatienceMs)) {
    const shown = error ?? { code: 'REGISTRY_LIMITED', message: 'the registry takes no requests for too long' };
    await database.transaction((tx) => endPulls(tx, [pullId], { state: 'failed', error: shown }));
  }
  await renewPullLeases(database.prisma, pullLeaseMs);
  for (const pullId of await listStalledPulls(database.prisma, batch)) {
    await database.transaction((tx) => restart(tx, pullId));
  }
  await deleteIdleFetches(database.prisma, batch);
  await deleteFinishedBatches(database.prisma, { batch: forgetBatchesAfterMs, dryRun: forgetPullsAfterMs });
  await expirePlannedManifests(database.prisma, batch);
  await deleteFinishedPulls(database.prisma, forgetPullsAfterMs, batch);
}

/** Leases what is here still and has the rest fetched, as when the pull was planned. */
async function restart(tx: Tx, pullId: string): Promise<void> {
  await lockFetchesOf(tx, [pullId]);
  const pull = await lockPull(tx, pullId);
  if (pull?.state !== 'fetching') return;
  await leaseOrQueue(tx, pullId, await listPlannedBlobs(tx, pullId));
  await advancePulls(tx, [pullId]);
}
