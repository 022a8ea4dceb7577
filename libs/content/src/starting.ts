import {
  countSlots,
  countStarted,
  finishBatches,
  listBacklog,
  saveVirtualTimes,
  startItem,
  type Tx,
  tryLockBacklog,
} from '@entrepot/database';
import type { ContentContext } from './context.js';
import { endPulls } from './end-pull.js';
import { chooseItems } from './fair-queue.js';
import { insertOrJoin } from './pulling.js';

/** A puller that said nothing for so long does not count. */
export const workerSilentMs = 15_000;

/** For each transfer that a puller takes, so many are kept in the queue. */
const readyPerSlot = 2;

/**
 * Starts as many items of batches as keep the queue short and the pullers busy, in fair shares. `connections` are the
 * limits of registries. Returns the pulls that are to be resolved. One process at a time; the others have nothing to do.
 */
export async function startBatchItems(
  context: ContentContext,
  connections: ReadonlyMap<string, number>,
): Promise<string[]> {
  return await context.database.transaction(async (tx) => {
    if (!(await tryLockBacklog(tx))) return [];
    await finishBatches(tx);
    const { transfers, byHost } = await countStarted(tx);
    const room = (await countSlots(tx, workerSilentMs)) * readyPerSlot - transfers;
    if (room <= 0) return [];
    const backlog = await listBacklog(tx, room);
    const hostRoom = [...connections].map(
      ([host, most]) => [host, most * readyPerSlot - (byHost.get(host) ?? 0)] as const,
    );
    const { items, ownerTimes, batchTimes } = chooseItems(backlog, { transfers: room, byHost: new Map(hostRoom) });
    const served = new Set(items.map(({ batchId }) => batchId));
    await saveVirtualTimes(tx, { owners: ownerTimes, batches: batchTimes, served });
    const started: string[] = [];
    for (const item of items) {
      const pullId = await startOne(tx, item);
      if (pullId !== null) started.push(pullId);
    }
    return started;
  });
}

/** Null when there is nothing to resolve: the item was stopped meanwhile, or somebody pulls the same already. */
async function startOne(
  tx: Tx,
  item: { batchId: string; position: number; reference: string; platform: string | null },
): Promise<string | null> {
  const { reference, platform } = item;
  const request = { reference, platform, kind: 'batch' as const, credential: null, credentialKey: '' };
  const { pullId, created } = await insertOrJoin(tx, request);
  if (await startItem(tx, { ...item, pullId })) return created ? pullId : null;
  if (created) await endPulls(tx, [pullId], { state: 'cancelled' });
  return null;
}
