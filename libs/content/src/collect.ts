// Online collection. Order of locks: review row, blob row, expired leases, never waiting for one (somebody who releases
// a lease holds it and waits for the review row). Only then, in a statement of its own, is it asked what keeps the
// blob: whoever referred to it before is seen, whoever wants to now waits and finds it gone. Row before object, and a
// storage key is never used again, so nothing that is deleted late can hit what somebody stored since.
import {
  buryBlobs,
  deleteOldEvents,
  deleteTombstones as deleteTombstoneRows,
  dropReviews,
  expireArchives,
  expireLeases,
  expireLeasesOf,
  expireUploads,
  listBlobUses,
  lockUnheldBlobs,
  pickDueReviews,
  postponeReviews,
  retryReviews,
  retryTombstones,
  type Tombstone,
  takeDueTombstones,
} from '@entrepot/database';
import type { ContentContext } from './context.js';

const batch = 100;
const atOnce = 8;
const heldRetryMs = 1_000;
const objectTakenMs = 5 * 60_000;
const maxObjectWaitMs = 60 * 60_000;
const keepEventsMs = 30 * 24 * 60 * 60_000;

/** What one round of reviews came to. `reviewed` of 0 means that nothing is due. */
export interface ReviewRound {
  reviewed: number;
  released: number;
  releasedBytes: number;
}

/** What a collection came to. */
export interface Collection extends ReviewRound {
  deletedObjects: number;
  freedBytes: number;
}

/**
 * Reviews blobs whose last reference went at least `collectAfterMs` ago, and turns those that nothing keeps into
 * tombstones. One short transaction without network; any number of processes at once.
 */
export async function reviewBlobs(
  context: ContentContext,
  options: { collectAfterMs: number; limit?: number },
): Promise<ReviewRound> {
  return await context.database.transaction(async (tx) => {
    const due = await pickDueReviews(tx, { collectAfterMs: options.collectAfterMs, limit: options.limit ?? batch });
    if (due.length === 0) return { reviewed: 0, released: 0, releasedBytes: 0 };
    const locked = await lockUnheldBlobs(tx, due);
    const held = due.filter((digest) => !locked.includes(digest));
    // A lease that runs out was the last reference until now; the trigger has queued the blob anew.
    const justReleased = await expireLeasesOf(tx, locked);
    const uses = (await listBlobUses(tx, locked)).filter(
      ({ digest }) => options.collectAfterMs === 0 || !justReleased.includes(digest),
    );
    const leased = uses.filter(({ leasedForMs }) => leasedForMs !== null);
    const free = uses.filter(({ leasedForMs }) => leasedForMs === null);
    const unused = free.filter(({ referenced }) => !referenced).map(({ digest }) => digest);
    await retryReviews(tx, held, heldRetryMs);
    await postponeReviews(
      tx,
      leased.map(({ digest, leasedForMs }) => ({ digest, forMs: Math.max(leasedForMs ?? 0, heldRetryMs) })),
    );
    await dropReviews(
      tx,
      free.filter(({ referenced }) => referenced).map(({ digest }) => digest),
    );
    const buried = await buryBlobs(tx, unused);
    return { reviewed: due.length, released: buried.blobs, releasedBytes: buried.sizeBytes };
  });
}

/** Deletes objects whose tombstones are due, and counts only what the store says is gone. */
export async function deleteTombstones(
  context: ContentContext,
  options: { limit?: number } = {},
): Promise<{ taken: number; deletedObjects: number; freedBytes: number }> {
  const { prisma } = context.database;
  const taken = await takeDueTombstones(prisma, { limit: options.limit ?? batch, forMs: objectTakenMs });
  const gone: Tombstone[] = [];
  const failed: { storageKey: string; reason: string; waitMs: number }[] = [];
  const queue = [...taken];
  const work = async (): Promise<void> => {
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      const { storageKey, attempts } = next;
      try {
        await context.store.delete(storageKey);
        gone.push(next);
      } catch (error) {
        const waitMs = Math.min(1_000 * 2 ** attempts, maxObjectWaitMs);
        failed.push({ storageKey, reason: String(error instanceof Error ? error.message : error), waitMs });
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  await deleteTombstoneRows(
    prisma,
    gone.map(({ storageKey }) => storageKey),
  );
  await retryTombstones(prisma, failed);
  const freedBytes = gone.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return { taken: taken.length, deletedObjects: gone.length, freedBytes };
}

/** Ends what was begun and left, uploads, leases and archives, and forgets events of long ago. */
export async function expireLeftovers(context: ContentContext): Promise<void> {
  const { database } = context;
  await deleteOldEvents(database.prisma, keepEventsMs);
  await database.transaction((tx) => expireArchives(tx, batch));
  while ((await database.transaction((tx) => expireUploads(tx, batch))) === batch);
  while ((await database.transaction((tx) => expireLeases(tx, batch))) === batch);
}

/** Everything the scheduled collection does, until nothing is due. Safe at any time, in any number of processes. */
export async function collectOnce(
  context: ContentContext,
  options: { collectAfterMs: number; signal?: AbortSignal },
): Promise<Collection> {
  await expireLeftovers(context);
  const total: Collection = { reviewed: 0, released: 0, releasedBytes: 0, deletedObjects: 0, freedBytes: 0 };
  while (!options.signal?.aborted) {
    const round = await reviewBlobs(context, options);
    if (round.reviewed === 0) break;
    total.reviewed += round.reviewed;
    total.released += round.released;
    total.releasedBytes += round.releasedBytes;
  }
  while (!options.signal?.aborted) {
    const round = await deleteTombstones(context);
    if (round.taken === 0) break;
    total.deletedObjects += round.deletedObjects;
    total.freedBytes += round.freedBytes;
  }
  return total;
}
