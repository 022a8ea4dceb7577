import {
  type Database,
  deleteImages,
  deleteReferences,
  insertEvents,
  listImagesAndAncestors,
  listReleaseFacts,
  lockImages,
  measureReleased,
  type Tx,
} from '@entrepot/database';
import type { Digest } from '@entrepot/oci';
import { type ReleaseLine, ReleasePlan, type ReleaseReport } from './release-plan.js';

/** Locks images with all that they were built on, until the transaction ends, and reads what a removal must know. */
export async function openPlan(tx: Tx, ids: readonly Digest[]): Promise<ReleasePlan> {
  const locked = await lockImages(tx, await listImagesAndAncestors(tx, ids));
  return new ReleasePlan(await listReleaseFacts(tx, locked));
}

/** Does what was planned. */
export async function carryOut(tx: Tx, plan: ReleasePlan): Promise<void> {
  await deleteReferences(tx, plan.untagged);
  await deleteImages(tx, plan.deleted);
  await insertEvents(tx, plan.events);
}

/**
 * Runs a removal in one transaction and measures what it frees. A rehearsal takes the same way, with the same locks and
 * the same errors, and is undone.
 */
export async function runRelease(
  database: Database,
  rehearse: boolean,
  remove: (tx: Tx) => Promise<ReleaseLine[]>,
): Promise<ReleaseReport> {
  let report: ReleaseReport | undefined;
  const undone = new Error('the rehearsal is over');
  try {
    return await database.transaction(async (tx) => {
      const lines = await remove(tx);
      report = { lines, ...(await measureReleased(tx)) };
      if (rehearse) throw undone;
      return report;
    });
  } catch (error) {
    if (error === undone && report !== undefined) return report;
    throw error;
  }
}
