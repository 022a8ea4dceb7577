import {
  type BatchPlan,
  claimPlanning,
  delayItems,
  failItems,
  findBlobs,
  findKnownManifests,
  keepManifests,
  listQueuedItems,
  lockBatch,
  nextQueuedItem,
  type PlannedItem,
  type PlannedManifest,
  type PullFailure,
  promisedBytes,
  type QueuedItem,
  releasePlanning,
  saveItemPlans,
  storedBytes,
  sumBatchPlan,
  type Tx,
  updateBatch,
} from '@entrepot/database';
import type { Digest } from '@entrepot/oci';
import type { ContentContext } from './context.js';

/** How long a planner may be silent before another goes on. */
export const planningLeaseMs = 60_000;

/** Manifests that were read for a plan are at hand for the pull so long. */
const keepManifestsMs = 24 * 60 * 60_000;

/** An item as its registry describes it. */
export interface ResolvedItem {
  position: number;
  host: string;
  repository: string;
  tag: string | null;
  target: Digest;
  shown: Digest;
  /** Whether a platform was asked for. */
  platform: boolean;
  /** Config first; one that is named twice counts once. */
  blobs: readonly { digest: Digest; sizeBytes: number }[];
  manifestRequests: number;
}

/** What a round of planning came to. */
export interface PlanningRound {
  resolved: readonly ResolvedItem[];
  failed: readonly { position: number; error: PullFailure }[];
  /** Registries that take no requests now, or (`failed`, which counts a try) are not there; their items wait. */
  limited: readonly { host: string; until: Date; error: PullFailure; failed: boolean }[];
  /** Manifests that were asked for. */
  manifests: readonly PlannedManifest[];
}

/** Takes the next items of a batch to plan; null when another process plans it or nothing is to be planned. */
export async function takeQueuedItems(
  context: ContentContext,
  batchId: string,
  planner: string,
  limit: number,
): Promise<QueuedItem[] | null> {
  const { prisma } = context.database;
  if (!(await claimPlanning(prisma, { batchId, planner, leaseMs: planningLeaseMs }))) return null;
  return await listQueuedItems(prisma, batchId, limit);
}

/** The bytes of manifests that are at hand. */
export async function findManifestBytes(
  context: ContentContext,
  digests: readonly Digest[],
): Promise<PlannedManifest[]> {
  return await findKnownManifests(context.database.prisma, digests);
}

/** Writes a round down, unless the batch is gone. Nothing of it can be seen as an image. */
export async function savePlanningRound(
  context: ContentContext,
  batchId: string,
  { resolved, failed, limited, manifests }: PlanningRound,
): Promise<void> {
  const { prisma } = context.database;
  const digests = [...new Set(resolved.flatMap(({ blobs }) => blobs.map(({ digest }) => digest)))];
  const here = new Set((await findBlobs(prisma, digests)).map(({ digest }) => digest));
  const blobs = new Map(
    resolved.flatMap(({ host, blobs: own }) =>
      own.map((blob) => [blob.digest, { ...blob, host, wasHere: here.has(blob.digest) }] as const),
    ),
  );
  await context.database.transaction(async (tx) => {
    if ((await lockBatch(tx, batchId)) === null) return;
    await keepManifests(tx, manifests, keepManifestsMs);
    await saveItemPlans(
      tx,
      batchId,
      resolved.map((item) => measure(item, here)),
      [...blobs.values()],
    );
    await failItems(tx, batchId, failed);
    for (const { host, until, error, failed: isTry } of new Map(limited.map((one) => [one.host, one])).values()) {
      const waitMs = Math.max(until.getTime() - Date.now(), 0);
      await delayItems(tx, batchId, { host, waitMs, reason: error, failedTries: isTry ? 1 : 0 });
    }
  });
}

function measure({ blobs, host: _, ...item }: ResolvedItem, here: ReadonlySet<Digest>): PlannedItem {
  const distinct = [...new Map(blobs.map((blob) => [blob.digest, blob])).values()];
  const [, ...layers] = distinct;
  const sum = (some: typeof distinct) => some.reduce((bytes, { sizeBytes }) => bytes + sizeBytes, 0);
  return {
    ...item,
    layerCount: layers.length,
    layersHere: layers.filter(({ digest }) => here.has(digest)).length,
    totalBytes: sum(distinct),
    missingBytes: sum(distinct.filter(({ digest }) => !here.has(digest))),
  };
}

/**
 * Ends the planning of a batch for now: a dry run is complete when no item waits any more, others begin as soon as
 * something of them can be fetched, or are refused with the numbers when it cannot all be stored. `retryAt` is when
 * the next item can be planned.
 */
export async function endPlanning(
  context: ContentContext,
  batchId: string,
  planner: string,
  freeBytes: number | null,
): Promise<{ retryAt: Date | null }> {
  return await context.database.transaction(async (tx) => {
    const batch = await lockBatch(tx, batchId);
    const next = await nextQueuedItem(tx, batchId);
    await releasePlanning(tx, batchId, planner);
    if (batch !== null && !batch.paused) await settlePlan(tx, batchId, batch, next === null, freeBytes);
    return { retryAt: next === null || batch?.paused ? null : new Date(Date.now() + next.waitMs) };
  });
}

async function settlePlan(
  tx: Tx,
  batchId: string,
  batch: { state: string; dryRun: boolean },
  isComplete: boolean,
  freeBytes: number | null,
): Promise<void> {
  if (batch.state !== 'planning' && batch.state !== 'running') return;
  const plan = await sumBatchPlan(tx, batchId);
  if (batch.dryRun) return updateBatch(tx, batchId, { plan, state: isComplete ? 'planned' : undefined });
  const refusal = batch.state === 'planning' ? await spaceRefusal(tx, batchId, plan, freeBytes) : null;
  if (refusal !== null) return updateBatch(tx, batchId, { plan, state: 'refused', refusal });
  await updateBatch(tx, batchId, { plan, state: 'running' });
}

async function spaceRefusal(
  tx: Tx,
  batchId: string,
  plan: BatchPlan,
  freeBytes: number | null,
): Promise<PullFailure | null> {
  if (freeBytes === null) return null;
  const promised = await promisedBytes(tx, batchId);
  if (plan.missingBytes <= Math.max(freeBytes - promised, 0)) return null;
  const taken = promised > 0 ? `, of which other batches will take ${promised}` : '';
  const message = `the batch needs ${plan.missingBytes} bytes; ${Math.floor(freeBytes)} bytes are free${taken}`;
  return { code: 'NO_SPACE', message };
}

/** Bytes that are free below a capacity somebody has set, given what is stored. */
export async function freeBelow(context: ContentContext, capacityBytes: number): Promise<number> {
  return Math.max(0, capacityBytes - (await storedBytes(context.database.prisma)));
}
