// Start-time fair queueing (Goyal, Vin, Cheng 1996) in two levels: owners share by bytes, and so do the batches of one
// owner. Nothing here asks anybody anything; the numbers come from the database and go back to it.
import type { BacklogBatch, BacklogItem, BatchPriority } from '@entrepot/database';

/** A batch of twice the weight gets twice the bytes. */
const weights: Readonly<Record<BatchPriority, number>> = { low: 0.2, normal: 1, high: 4 };

/** An image of which everything is here is not for nothing: somebody has to look. */
const leastCostBytes = 64 * 1024;

/** From here on a batch that was not served gains weight with every minute. */
const patienceMs = 5 * 60_000;
const mostAgeing = 16;

/** How much can be started now. */
export interface Room {
  /** Transfers, all together. */
  transfers: number;
  /** Transfers by registry, for those that have a limit. */
  byHost: ReadonlyMap<string, number>;
  /** Bytes that one owner may have under way, lest who comes next waits for all that he has begun; one item always may. */
  ownerBytes: number;
  /** What owners have under way. */
  startedBytes: ReadonlyMap<string, number>;
}

/** What to start, in this order, and everybody's place in the queue afterwards. */
export interface Choice {
  items: (BacklogItem & { batchId: string })[];
  ownerTimes: Map<string, number>;
  /** Of those that got something or were not in the queue. */
  batchTimes: Map<string, number>;
}

/** The weight of a batch; it grows while nothing of it is started. */
export function batchWeight(priority: BatchPriority, idleMs: number): number {
  const overdueMinutes = Math.max(0, idleMs - patienceMs) / 60_000;
  return weights[priority] * Math.min(1 + overdueMinutes, mostAgeing);
}

/**
 * Chooses what to start next: of the owner who got the fewest bytes for his weight, the batch that did. Whoever was not
 * in the queue starts where the one is that is served next, without credit for having slept. An item whose registry
 * has no room is passed over; one that is larger than the room is started all the same, or it never would be.
 */
export function chooseItems(backlog: readonly BacklogBatch[], room: Room): Choice {
  const owners = openOwners(backlog);
  const byHost = new Map(room.byHost);
  const choice: Choice = { items: [], ownerTimes: new Map(), batchTimes: new Map() };
  for (const owner of owners) {
    choice.ownerTimes.set(owner.name, owner.time);
    for (const batch of owner.batches) if (batch.isNew) choice.batchTimes.set(batch.id, batch.time);
  }
  let transfers = room.transfers;
  const started = new Map(room.startedBytes);
  const mayStart = ({ name, batches }: OpenOwner) => batches.length > 0 && (started.get(name) ?? 0) < room.ownerBytes;
  while (transfers > 0) {
    const owner = least(owners.filter(mayStart));
    const batch = owner && least(owner.batches);
    if (!batch) break;
    const item = takeItem(batch, byHost);
    if (item === null) {
      owner.batches = owner.batches.filter((other) => other !== batch);
      continue;
    }
    const cost = Math.max(item.missingBytes, leastCostBytes) / batch.weight;
    owner.time += cost;
    batch.time += cost;
    choice.ownerTimes.set(owner.name, owner.time);
    choice.batchTimes.set(batch.id, batch.time);
    choice.items.push({ ...item, batchId: batch.id });
    started.set(owner.name, (started.get(owner.name) ?? 0) + item.missingBytes);
    const needed = Math.max(item.missingLayers, 1);
    transfers -= needed;
    const left = byHost.get(item.host);
    if (left !== undefined) byHost.set(item.host, left - needed);
  }
  return choice;
}

interface OpenBatch {
  id: string;
  isNew: boolean;
  time: number;
  weight: number;
  items: BacklogItem[];
}

interface OpenOwner {
  name: string;
  time: number;
  batches: OpenBatch[];
}

function openOwners(backlog: readonly BacklogBatch[]): OpenOwner[] {
  const now = leastOf(backlog.map(({ ownerTime }) => ownerTime));
  const owners = new Map<string, BacklogBatch[]>();
  for (const batch of backlog) owners.set(batch.owner, [...(owners.get(batch.owner) ?? []), batch]);
  return [...owners].map(([name, batches]) => {
    const batchNow = leastOf(batches.map(({ batchTime }) => batchTime));
    return {
      name,
      time: batches[0]?.ownerTime ?? now,
      batches: batches.map(({ batchId, batchTime, priority, idleMs, items }) => ({
        id: batchId,
        isNew: batchTime === null,
        time: batchTime ?? batchNow,
        weight: batchWeight(priority, idleMs),
        items: [...items],
      })),
    };
  });
}

function takeItem(batch: OpenBatch, byHost: ReadonlyMap<string, number>): BacklogItem | null {
  const index = batch.items.findIndex(({ host }) => (byHost.get(host) ?? 1) > 0);
  return index === -1 ? null : (batch.items.splice(index, 1)[0] ?? null);
}

function least<T extends { time: number }>(candidates: readonly T[]): T | undefined {
  return candidates.reduce<T | undefined>(
    (best, one) => (best === undefined || one.time < best.time ? one : best),
    undefined,
  );
}

function leastOf(times: readonly (number | null)[]): number {
  const known = times.filter((time) => time !== null);
  return known.length === 0 ? 0 : Math.min(...known);
}
