import {
  countSlots,
  countStarted,
  countStartedBytes,
  findUncheckedBatches,
  finishBatches,
  listBacklog,
  saveVirtualTimes,
  startItems,
  type Tx,
  tryLockBacklog,
} from '@entrepot/database';
import type { ContentContext } from './context.js';
import { endPulls } from './end-pull.js';
import { type Choice, chooseItems } from './fair-queue.js';
import { insertOrJoin, wishKey } from './pulling.js';

/** A puller that said nothing for so long does not count. */
export const workerSilentMs = 15_000;

/** For each transfer that a puller takes, so many are kept in the queue. */
const readyPerSlot = 2;

/** And one owner has no more bytes under way than this for each of them. */
const ownerBytesPerSlot = 1024 ** 3;

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
    const slots = await countSlots(tx, workerSilentMs);
    const room = slots * readyPerSlot - transfers;
    if (room <= 0) return [];
    const backlog = await listBacklog(tx, room);
    const hostRoom = [...connections].map(
      ([host, most]) => [host, most * readyPerSlot - (byHost.get(host) ?? 0)] as const,
    );
    const { items, ownerTimes, batchTimes } = chooseItems(backlog, {
      ...{ transfers: room, byHost: new Map(hostRoom) },
      ...{ ownerBytes: slots * ownerBytesPerSlot, startedBytes: await countStartedBytes(tx) },
    });
    const served = new Set(items.map(({ batchId }) => batchId));
    await saveVirtualTimes(tx, { owners: ownerTimes, batches: batchTimes, served });
    return await startAll(tx, items);
  });
}

/** The pulls that are to be resolved; those that look at signatures are others than those that do not. */
async function startAll(tx: Tx, items: Choice['items']): Promise<string[]> {
  if (items.length === 0) return [];
  const unchecked = await findUncheckedBatches(tx, [...new Set(items.map(({ batchId }) => batchId))]);
  const started: string[] = [];
  for (const skipsSignatures of [false, true]) {
    const own = items.filter(({ batchId }) => unchecked.has(batchId) === skipsSignatures);
    started.push(...(await startPulls(tx, own, skipsSignatures)));
  }
  return started;
}

/** In the order of their items; somebody may pull the same already. */
async function startPulls(tx: Tx, items: Choice['items'], skipsSignatures: boolean): Promise<string[]> {
  if (items.length === 0) return [];
  const terms = { kind: 'batch', credential: null, credentialKey: '', skipsSignatures } as const;
  const wishes = new Map(items.map((item) => [wishKey(item), item]));
  const pulls = new Map((await insertOrJoin(tx, [...wishes.values()], terms)).map((pull) => [wishKey(pull), pull]));
  const granted = items.flatMap((item) => {
    const pull = pulls.get(wishKey(item));
    return pull ? [{ ...pull, batchId: item.batchId, position: item.position }] : [];
  });
  const started = await startItems(tx, granted);
  const made = [...new Set(granted.filter(({ created }) => created).map(({ pullId }) => pullId))];
  // The item was stopped meanwhile.
  await endPulls(
    tx,
    made.filter((pullId) => !started.has(pullId)),
    { state: 'cancelled' },
  );
  return made.filter((pullId) => started.has(pullId));
}
