import { randomUUID } from 'node:crypto';
import {
  addPullEvents,
  countWatchers,
  delayPull,
  deleteWatcher,
  findPull as findPullRow,
  finishPulls,
  type GrantedWish,
  insertEvents,
  insertPlan,
  insertPulls,
  insertWatcher,
  joinPulls,
  listMissingBlobs,
  lockFetchesOf,
  lockPull,
  type PlannedManifest,
  type PullFailure,
  type PullKind,
  type PullRow,
  type PullTerms,
  type PullWish,
  renewWatcher as renewWatcherRow,
  type Tx,
} from '@entrepot/database';
import type { Digest } from '@entrepot/oci';
import type { ContentContext } from './context.js';
import { endPulls, waitsTooLong } from './end-pull.js';
import { PullEndedError } from './errors.js';
import { leaseOrQueue } from './lease-or-queue.js';

const skipEvent = { type: 'pull', action: 'skip-signatures' } as const;

/** Who watches a pull renews so often at least, else counts as gone. */
export const watcherTtlMs = 60_000;

export interface NewPull {
  /** Full name with tag or digest. */
  reference: string;
  /** Normalised; null for the platform of the service. */
  platform: string | null;
  kind: PullKind;
  /** From the secret box: the sealed credential and its fingerprint. Pulls with different credentials stay apart. */
  credential?: { sealed: Buffer; fingerprint: string };
  /** How long an interactive one goes on without anybody who renews the watch; default `watcherTtlMs`. */
  unwatchedMs?: number;
  /** Pulls whatever the trust policy says of signatures, and is remembered as an event. */
  skipsSignatures?: boolean;
}

/** What a pull needs, as its resolution found out. */
export interface PullPlan {
  target: Digest;
  shown: Digest;
  /** The target first. */
  manifests: readonly PlannedManifest[];
  /** Configs and layers in their order; one that is named twice counts once. */
  blobs: readonly { digest: Digest; sizeBytes: number; mediaType: string; urls?: readonly string[] }[];
}

/**
 * Joins the unfinished pull of the same reference, platform and credential, or creates one. A batch has no watcher and
 * keeps a pull it joined from being cancelled.
 */
export async function startPull(
  context: ContentContext,
  pull: NewPull,
): Promise<{ pullId: string; watcherId: string; created: boolean }> {
  const { reference, platform } = pull;
  const terms: PullTerms = {
    kind: pull.kind,
    credential: pull.credential?.sealed ?? null,
    credentialKey: pull.credential?.fingerprint ?? '',
    skipsSignatures: pull.skipsSignatures ?? false,
  };
  const watcherId = randomUUID();
  return await context.database.transaction(async (tx) => {
    const [granted] = await insertOrJoin(tx, [{ reference, platform }], terms);
    const { pullId, created } = granted as GrantedPull;
    if (pull.skipsSignatures) {
      await insertEvents(tx, [{ ...skipEvent, actorId: pull.reference, attributes: { pull: pullId } }]);
    }
    if (pull.kind === 'interactive') {
      await insertWatcher(tx, { pullId, id: watcherId, ttlMs: pull.unwatchedMs ?? watcherTtlMs });
    }
    return { pullId, watcherId, created };
  });
}

/** A wish, the pull that grants it, and whether it was made for it. */
export interface GrantedPull extends GrantedWish {
  created: boolean;
}

/** Each wish is named once. A pull found unfinished may end before it is locked; then the next round makes a new one. */
export async function insertOrJoin(tx: Tx, wishes: readonly PullWish[], terms: PullTerms): Promise<GrantedPull[]> {
  const granted = new Map<string, GrantedPull>();
  for (;;) {
    const open = wishes.filter((wish) => !granted.has(wishKey(wish)));
    if (open.length === 0) return [...granted.values()];
    const made = await insertPulls(tx, open, terms);
    for (const pull of made) granted.set(wishKey(pull), { ...pull, created: true });
    const others = open.filter((wish) => !granted.has(wishKey(wish)));
    const joined = others.length === 0 ? [] : await joinPulls(tx, others, terms);
    for (const pull of joined) granted.set(wishKey(pull), { ...pull, created: false });
  }
}

/** The same for two wishes of one thing. */
export function wishKey({ reference, platform }: PullWish): string {
  return `${reference} ${platform ?? ''}`;
}

/** The pull as it stands. @throws {PullEndedError} there is none */
export async function getPull(context: ContentContext, pullId: string): Promise<PullRow> {
  const pull = await findPullRow(context.database.prisma, pullId);
  if (pull === null) throw new PullEndedError(pullId, 'forgotten');
  return pull;
}

/** Says that somebody still watches; more often than `watcherTtlMs`. False when the watcher was given up. */
export async function renewWatcher(context: ContentContext, pullId: string, watcherId: string): Promise<boolean> {
  return await renewWatcherRow(context.database.prisma, { pullId, id: watcherId, ttlMs: watcherTtlMs });
}

/** The last watcher who leaves an interactive pull cancels it. Idempotent. */
export async function leavePull(
  context: ContentContext,
  pullId: string,
  watcherId: string,
): Promise<{ cancelled: boolean }> {
  return await context.database.transaction(async (tx) => {
    await deleteWatcher(tx, pullId, watcherId);
    return { cancelled: await cancelUnwatched(tx, pullId) };
  });
}

/** Cancels an interactive pull that nobody watches. */
export async function cancelUnwatched(tx: Tx, pullId: string): Promise<boolean> {
  // Fetch rows before the pull row, as everywhere; only then is it certain who watches.
  await lockFetchesOf(tx, [pullId]);
  const pull = await lockPull(tx, pullId);
  if (pull?.kind !== 'interactive' || (await countWatchers(tx, pullId)) > 0) return false;
  return (await endPulls(tx, [pullId], { state: 'cancelled' })).length === 1;
}

/** Cancels a pull of any kind, whoever watches. Idempotent; false when it had ended already. */
export async function cancelPull(context: ContentContext, pullId: string): Promise<boolean> {
  return await context.database.transaction(
    async (tx) => (await endPulls(tx, [pullId], { state: 'cancelled' })).length === 1,
  );
}

/**
 * Writes down what a queued pull needs: leases for what is here, fetches for what is not. `missing` are the blobs to
 * fetch; `complete` means that nothing is missing and the pull can be published. Idempotent: a pull with a plan keeps
 * it. `duePulls` are others that turned out complete on the way.
 *
 * @throws {PullEndedError} cancelled, failed or done meanwhile
 */
export async function savePlan(
  context: ContentContext,
  pullId: string,
  plan: PullPlan,
): Promise<{ missing: Digest[]; complete: boolean; duePulls: string[] }> {
  const blobs = [...new Map(plan.blobs.map((blob) => [blob.digest, blob])).values()];
  return await context.database.transaction(async (tx) => {
    const pull = await lockPull(tx, pullId);
    if (pull === null) throw new PullEndedError(pullId, 'forgotten');
    if (pull.state !== 'queued') return await existingPlan(tx, pull);
    const { missing, duePulls } = await leaseOrQueue(tx, pullId, blobs);
    const planned = blobs.map((blob) => ({
      ...blob,
      urls: [...(blob.urls ?? [])],
      wasHere: !missing.includes(blob.digest),
    }));
    const complete = missing.length === 0;
    await insertPlan(tx, pullId, { ...plan, blobs: planned }, complete ? 'publishing' : 'fetching');
    return { missing, complete, duePulls };
  });
}

async function existingPlan(tx: Tx, pull: PullRow): Promise<{ missing: Digest[]; complete: boolean; duePulls: [] }> {
  if (pull.state !== 'fetching' && pull.state !== 'publishing') throw new PullEndedError(pull.id, pull.state);
  const missing = pull.state === 'fetching' ? await listMissingBlobs(tx, pull.id) : [];
  return { missing, complete: pull.state === 'publishing', duePulls: [] };
}

/** Adds a line to a pull's timeline. */
export async function notePull(context: ContentContext, pullId: string, line: string): Promise<void> {
  await addPullEvents(context.database.prisma, [pullId], line);
}

/**
 * Lets a queued pull wait for its registry; an interactive one that would wait too long fails with `error`, the
 * registry's words.
 */
export async function parkPull(
  context: ContentContext,
  pullId: string,
  wait: { until: Date; line: string; error: PullFailure; failed?: boolean },
): Promise<{ ended: boolean }> {
  const waitMs = Math.max(wait.until.getTime() - Date.now(), 0);
  return await context.database.transaction(async (tx) => {
    const pull = await lockPull(tx, pullId);
    if (pull?.state !== 'queued') return { ended: true };
    await addPullEvents(tx, [pullId], wait.line);
    if (waitsTooLong(pull, waitMs)) {
      await finishPulls(tx, [pullId], { state: 'failed', error: wait.error });
      return { ended: true };
    }
    await delayPull(tx, pullId, waitMs, wait.failed ? 1 : 0);
    return { ended: false };
  });
}

/** Ends a pull with an error that its watchers are shown. Idempotent. */
export async function failPull(context: ContentContext, pullId: string, error: PullFailure): Promise<void> {
  await context.database.transaction((tx) => endPulls(tx, [pullId], { state: 'failed', error }));
}
