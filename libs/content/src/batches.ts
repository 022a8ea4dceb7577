import {
  addPullEvents,
  type BatchPriority,
  type BatchRow,
  countUnfinishedItems,
  findBatch,
  insertBatch,
  insertEvents,
  leaveToWatchers,
  listAbandonedPulls,
  listRunningPulls,
  lockBatch,
  lockFetchesOf,
  type NewBatch,
  retryItems,
  setItemPriority,
  stopItems,
  type Tx,
  updateBatch,
} from '@entrepot/database';
import type { ContentContext } from './context.js';
import { endPulls } from './end-pull.js';

/** What one owner may have unfinished at the same time. */
export const maxOwnerItems = 50_000;

/**
 * Writes a batch down, to be planned next. A dry run ends there.
 *
 * @throws {BacklogFullError} its owner has too much unfinished
 */
export async function createBatch(context: ContentContext, batch: NewBatch): Promise<string> {
  return await context.database.transaction(async (tx) => {
    const unfinished = await countUnfinishedItems(tx, batch.owner);
    if (unfinished + batch.items.length > maxOwnerItems) throw new BacklogFullError(batch.owner, unfinished);
    const batchId = await insertBatch(tx, batch);
    if (batch.skipsSignatures) {
      const attributes = { batch: batchId, items: String(batch.items.length) };
      await insertEvents(tx, [{ type: 'pull', action: 'skip-signatures', actorId: batchId, attributes }]);
    }
    return batchId;
  });
}

/** @throws {BatchNotFoundError} */
export async function getBatch(context: Pick<ContentContext, 'database'>, batchId: string): Promise<BatchRow> {
  const batch = await findBatch(context.database.prisma, batchId);
  if (batch === null) throw new BatchNotFoundError(batchId);
  return batch;
}

/**
 * Cancels what has not ended, all of it or some positions. Transfers that nobody else waits for stop within a second.
 * Idempotent. Returns how many items were cancelled.
 *
 * @throws {BatchNotFoundError}
 */
export async function cancelBatch(
  context: ContentContext,
  batchId: string,
  positions?: readonly number[],
): Promise<number> {
  return await context.database.transaction(async (tx) => {
    const pulls = await lockPullsOf(tx, batchId, positions);
    const { state } = await lock(tx, batchId);
    const cancelled = await stopItems(tx, batchId, 'cancelled', positions);
    await endAbandoned(tx, pulls, 'cancelled with its batch');
    const isOver = positions === undefined && (state === 'planning' || state === 'running');
    await updateBatch(tx, batchId, isOver ? { state: 'cancelled' } : {});
    return cancelled;
  });
}

/**
 * Stops a batch until `resumeBatch`. What its transfers have brought so far is kept. Idempotent.
 *
 * @throws {BatchNotFoundError} @throws {BatchEndedError}
 */
export async function pauseBatch(context: ContentContext, batchId: string): Promise<void> {
  await context.database.transaction(async (tx) => {
    const pulls = await lockPullsOf(tx, batchId);
    const { state } = await lock(tx, batchId);
    if (state !== 'planning' && state !== 'running') throw new BatchEndedError(batchId, state);
    await stopItems(tx, batchId, 'planned');
    await endAbandoned(tx, pulls, 'paused with its batch');
    await updateBatch(tx, batchId, { paused: true });
  });
}

/** Lets a paused batch go on; `planning` says whether it still has to be planned. Idempotent. */
export async function resumeBatch(context: ContentContext, batchId: string): Promise<void> {
  await context.database.transaction(async (tx) => {
    const { state } = await lock(tx, batchId);
    if (state !== 'planning' && state !== 'running') throw new BatchEndedError(batchId, state);
    await updateBatch(tx, batchId, { paused: false });
  });
}

/**
 * Plans and pulls again what failed, or what was cancelled too; all of it or some positions. A refused batch is planned
 * as a whole. Returns how many items are tried again.
 *
 * @throws {BatchNotFoundError} @throws {BatchEndedError} it was a dry run
 */
export async function retryBatch(
  context: ContentContext,
  batchId: string,
  options: { cancelled?: boolean; positions?: readonly number[] } = {},
): Promise<number> {
  return await context.database.transaction(async (tx) => {
    const { state, dryRun } = await lock(tx, batchId);
    if (dryRun) throw new BatchEndedError(batchId, 'a dry run');
    const refused = state === 'refused' ? (['planned'] as const) : [];
    const cancelled = options.cancelled ? (['cancelled'] as const) : [];
    const retried = await retryItems(tx, batchId, ['failed', ...refused, ...cancelled], options.positions);
    if (retried > 0) await updateBatch(tx, batchId, { state: 'planning', paused: false, refusal: null });
    return retried;
  });
}

/** Changes how much a batch matters, or only some of its items. @throws {BatchNotFoundError} */
export async function setBatchPriority(
  context: ContentContext,
  batchId: string,
  priority: BatchPriority,
  positions?: readonly number[],
): Promise<void> {
  await context.database.transaction(async (tx) => {
    await lock(tx, batchId);
    if (positions !== undefined) await setItemPriority(tx, batchId, priority, positions);
    await updateBatch(tx, batchId, positions === undefined ? { priority } : {});
  });
}

/** Fetch rows before pull rows, and both before the items, as everywhere. */
async function lockPullsOf(tx: Tx, batchId: string, positions?: readonly number[]): Promise<string[]> {
  const pulls = await listRunningPulls(tx, batchId, positions);
  await lockFetchesOf(tx, pulls);
  return pulls;
}

async function lock(tx: Tx, batchId: string): Promise<NonNullable<Awaited<ReturnType<typeof lockBatch>>>> {
  const batch = await lockBatch(tx, batchId);
  if (batch === null) throw new BatchNotFoundError(batchId);
  return batch;
}

/** Ends pulls that no item waits for any more; who watches one keeps it, as his own. */
async function endAbandoned(tx: Tx, pullIds: readonly string[], line: string): Promise<void> {
  const abandoned = await listAbandonedPulls(tx, pullIds);
  const ended = abandoned.filter(({ watched }) => !watched).map(({ pullId }) => pullId);
  const watched = abandoned.filter((pull) => pull.watched).map(({ pullId }) => pullId);
  await leaveToWatchers(tx, watched);
  await addPullEvents(tx, ended, line);
  await endPulls(tx, ended, { state: 'cancelled' });
}

/** There is no batch of this id. */
export class BatchNotFoundError extends Error {
  override readonly name = 'BatchNotFoundError';
  readonly code = 'BATCH_NOT_FOUND' as const;
  readonly retryable = false;

  constructor(readonly batchId: string) {
    super(`no batch ${batchId}`);
  }
}

/** The batch is in a state in which this cannot be done. */
export class BatchEndedError extends Error {
  override readonly name = 'BatchEndedError';
  readonly code = 'BATCH_ENDED' as const;
  readonly retryable = false;

  constructor(
    readonly batchId: string,
    readonly state: string,
  ) {
    super(`batch ${batchId} is ${state}`);
  }
}

/** An owner has so much unfinished that others would suffer. */
export class BacklogFullError extends Error {
  override readonly name = 'BacklogFullError';
  readonly code = 'BACKLOG_FULL' as const;
  readonly retryable = true;

  constructor(
    readonly owner: string,
    readonly unfinished: number,
  ) {
    super(`${owner} has ${unfinished} unfinished items already; at most ${maxOwnerItems} are taken`);
  }
}
