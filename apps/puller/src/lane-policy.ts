// Who may transfer, of those who wait and those who fill the time: weights, not order. Nothing here asks anybody anything.

/** What happens in one process. `stopping` are batch transfers that were asked to give way. */
export interface SlotUse {
  total: number;
  interactive: { running: number; waiting: number };
  batch: { running: number; waiting: number };
  stopping: number;
}

const weights = { interactive: 8, batch: 1 };

/** Where a transfer may be interrupted: a multiple of this many bytes, or, when it is slow, so long after it was asked. */
export const chunkBytes = 16 * 1024 * 1024;
export const longestChunkMs = 1_000;

/** What batches keep while others wait, so that they never stand still: their share, and one where there are several. */
export function batchMinimum(total: number): number {
  const share = Math.floor((total * weights.batch) / (weights.interactive + weights.batch));
  return total > 1 ? Math.max(share, 1) : 0;
}

/** Whether one more transfer of this lane may begin. A batch takes what is idle; it yields only what is above its minimum. */
export function mayStart(lane: 'interactive' | 'batch', use: SlotUse): boolean {
  const free = use.total - use.interactive.running - use.batch.running;
  if (free <= 0) return false;
  const batchShort = batchMinimum(use.total) - use.batch.running;
  if (lane === 'batch') return use.interactive.waiting === 0 || batchShort > 0;
  return use.batch.waiting === 0 || free > batchShort;
}

/** How many more batch transfers are to stop at the end of their chunk. */
export function transfersToStop(use: SlotUse): number {
  const free = Math.max(use.total - use.interactive.running - use.batch.running, 0);
  const needed = use.interactive.waiting - use.stopping - free;
  const above = use.batch.running - use.stopping - batchMinimum(use.total);
  return Math.max(0, Math.min(needed, above));
}
