import {
  deleteImages,
  deleteReferences,
  insertEvents,
  listImagesAndAncestors,
  listReleaseFacts,
  lockImages,
  type Tx,
} from '@entrepot/database';
import type { Digest } from '@entrepot/oci';
import { ReleasePlan } from './release-plan.js';

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
