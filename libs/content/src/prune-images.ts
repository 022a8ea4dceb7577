import { listPrunable, type PruneFilter, tryLockPrune } from '@entrepot/database';
import type { Digest } from '@entrepot/oci';
import type { ContentContext } from './context.js';
import { ImageConflictError, type ReleasePlan, type ReleaseReport } from './release-plan.js';
import { carryOut, openPlan, runRelease } from './release-transaction.js';

/** What a prune did, or in a rehearsal would have done. */
export interface PruneReport extends ReleaseReport {
  /** As Docker counts it: bytes of the files of the layers that no image has any more. */
  releasedBytes: number;
}

/**
 * Removes all images of a filter as `docker image prune` does, those in several repositories name by name. In one
 * transaction.
 *
 * @throws {PruneRunningError} another prune has not ended
 */
export async function pruneImages(
  { database }: Pick<ContentContext, 'database'>,
  filter: PruneFilter & { rehearse?: boolean },
): Promise<PruneReport> {
  let releasedBytes = 0;
  const report = await runRelease(database, filter.rehearse ?? false, async (tx) => {
    if (!(await tryLockPrune(tx))) throw new PruneRunningError();
    const candidates = await listPrunable(tx, filter);
    const plan = await openPlan(tx, candidates);
    for (const id of candidates) pruneOne(plan, id, filter);
    releasedBytes = plan.releasedBytes;
    plan.events.push({ type: 'image', action: 'prune', actorId: '', attributes: { reclaimed: String(releasedBytes) } });
    await carryOut(tx, plan);
    return plan.lines;
  });
  return { ...report, releasedBytes };
}

/** What was dangling when the list was made may have got a name before it was locked. */
function pruneOne(plan: ReleasePlan, id: Digest, { dangling }: PruneFilter): void {
  const names = plan.namesOf(id);
  if (dangling && names.some(({ tag }) => tag !== null)) return;
  const rules = { force: false, prune: true };
  if (names.length === 0) unlessNeeded(() => plan.has(id) && plan.removeId(id, rules));
  for (const name of names) {
    unlessNeeded(() => plan.namesOf(id).includes(name) && plan.removeName(id, name, rules));
  }
}

/** An image may have gone already, as the parent of another one; what is in use stays. */
function unlessNeeded(remove: () => unknown): void {
  try {
    remove();
  } catch (error) {
    if (!(error instanceof ImageConflictError)) throw error;
  }
}

/** Only one prune goes on at a time. */
export class PruneRunningError extends Error {
  override readonly name = 'PruneRunningError';
  readonly code = 'PRUNE_RUNNING' as const;
  readonly retryable = true;

  constructor() {
    super('a prune operation is already running');
  }
}
