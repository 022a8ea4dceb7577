// One fetch per digest for the whole fleet. A claim has an epoch; whoever lost it can report, finish or fail nothing.

import { newStorageKey, type StorageKey } from '@entrepot/blob-store';
import {
  addPullEvents,
  claimFetches,
  type Database,
  deleteOwnFetches,
  type FetchKey,
  insertFetchUpload,
  listFetchWaiters,
  type PullFailure,
  reportFetch as reportRow,
  requeueFetch,
  saveFetchUpload,
  type Tx,
} from '@entrepot/database';
import { type Descriptor, type Digest, parseReference, repositoryName } from '@entrepot/oci';
import { type ContentContext, keepUploadMs } from './context.js';
import { endPulls, waitsTooLong } from './end-pull.js';
import { FetchLostError } from './errors.js';
import { type Ingest, type IngestOptions, openIngest } from './ingest.js';
import { togetherBy } from './together.js';

/** How long a claim lasts without a report. */
export const fetchLeaseMs = 30_000;

/** The right to fetch one blob, until `reportFetch` says otherwise. */
export interface FetchClaim extends FetchKey {
  readonly sizeBytes: number;
  /** Failed tries so far, by whomever. */
  readonly attempts: number;
  /** Those who waited when it was given. */
  readonly sources: readonly FetchSource[];
  /** Where an earlier owner left off, or where nobody has written yet. */
  readonly storageKey: StorageKey;
  /** Nobody has written under that key; until the ingest is opened. */
  isNew: boolean;
  /** By this process' monotonic clock; reports move it. */
  validUntilMs: number;
}

/** One way to get a blob: through the pull that asked for it, with its rights. */
export interface FetchSource {
  pullId: string;
  kind: 'interactive' | 'batch';
  /** Full name. */
  repository: string;
  descriptor: Descriptor;
  /** Sealed. */
  credential: Uint8Array | null;
}

/** Somebody else has it, or it waits for its registry. */
export interface TakenFetch {
  taken: true;
}

const claimTogether = togetherBy<{ digest: Digest; owner: string }, FetchClaim | TakenFetch | null>(claimAll);

/** Takes the fetch of a blob; `taken` when another has it or it waits; null when there is nothing to do. */
export async function claimFetch(
  { database }: ContentContext,
  digest: Digest,
  owner: string,
): Promise<FetchClaim | TakenFetch | null> {
  return await claimTogether(database, { digest, owner });
}

async function claimAll(
  { prisma }: Database,
  wishes: readonly { digest: Digest; owner: string }[],
): Promise<(FetchClaim | TakenFetch | null)[]> {
  const askedAtMs = performance.now();
  const first = new Map([...wishes].reverse().map((wish) => [wish.digest, wish]));
  const keyed = [...first.values()].map((wish) => ({ ...wish, storageKey: newStorageKey(wish.digest) }));
  const terms = { leaseMs: fetchLeaseMs, keepMs: keepUploadMs, uploadOwner: ingestOwnerPrefix };
  const rows = await claimFetches(prisma, keyed, terms);
  const sources = await listSources(
    prisma,
    rows.filter((row) => 'epoch' in row).map(({ digest }) => digest),
  );
  return wishes.map((wish) => {
    const row = rows.find(({ digest }) => digest === wish.digest);
    if (row === undefined) return null;
    if (!('epoch' in row) || first.get(wish.digest) !== wish) return { taken: true };
    const own = sources.filter(({ descriptor }) => descriptor.digest === wish.digest);
    return { ...row, sources: own, validUntilMs: askedAtMs + fetchLeaseMs };
  });
}

/**
 * Opens the ingest of a claimed fetch where the last owner left off, or with `fresh` from the start. Its writes throw
 * FetchLostError once the claim has run out.
 *
 * @throws {FetchLostError} another has it
 */
export async function openFetchIngest(
  context: ContentContext,
  claim: FetchClaim,
  options: { fresh?: boolean } = {},
): Promise<Ingest> {
  const guard = (): void => {
    if (performance.now() >= claim.validUntilMs) throw new FetchLostError(claim.digest);
  };
  const { prisma } = context.database;
  const { digest, sizeBytes, storageKey, isNew } = claim;
  claim.isNew = false;
  if (isNew) return await openIngest(context, { digest, sizeBytes, owner: ingestOwner(claim), storageKey, guard });
  const resume = options.fresh ? undefined : { storageKey };
  // Before anything is taken over: a successor may be writing under that key.
  if (resume !== undefined && !(await saveFetchUpload(prisma, claim, resume.storageKey))) {
    throw new FetchLostError(digest);
  }
  const announce: IngestOptions['announce'] = async (upload) => {
    if (!(await insertFetchUpload(prisma, claim, upload))) throw new FetchLostError(digest);
  };
  return await openIngest(context, { digest, sizeBytes, owner: ingestOwner(claim), resume, announce, guard });
}

/** Another for each claim, so that a worker that lost one cannot touch the upload of the next, be it its own. */
function ingestOwner(claim: FetchClaim): string {
  return `${ingestOwnerPrefix}${claim.owner}:${claim.epoch}`;
}

const ingestOwnerPrefix = 'fetch:';

/** The active pulls that wait for a blob, in the order in which their rights are tried. */
export async function fetchSources(context: ContentContext, digest: Digest): Promise<FetchSource[]> {
  return await listSources(context.database.prisma, [digest]);
}

async function listSources(tx: Tx, digests: readonly Digest[]): Promise<FetchSource[]> {
  if (digests.length === 0) return [];
  const waiters = await listFetchWaiters(tx, digests);
  return waiters.map(({ digest, pullId, kind, reference, mediaType, sizeBytes, urls, credential }) => ({
    pullId,
    kind,
    repository: repositoryName(parseReference(reference)),
    descriptor: { mediaType, digest, sizeBytes, ...(urls.length > 0 ? { urls } : {}) },
    credential,
  }));
}

/**
 * Renews the claim (30 s) and writes down how far it is; about once a second. `wanted` is false when no pull waits any
 * more: then `suspend` the ingest and `releaseFetch`. `urgent` when somebody waits who is no batch.
 *
 * @throws {FetchLostError} another has it
 */
export async function reportFetch(
  context: ContentContext,
  claim: FetchClaim,
  report: { bytesDone: number; safeBytes: number; state: object },
): Promise<{ wanted: boolean; urgent: boolean }> {
  const askedAtMs = performance.now();
  const answer = await reportRow(context.database.prisma, claim, {
    bytesDone: report.bytesDone,
    safeBytes: report.safeBytes,
    resumeState: report.state,
    leaseMs: fetchLeaseMs,
    keepMs: keepUploadMs,
    uploadOwner: ingestOwner(claim),
  });
  if (answer === null) throw new FetchLostError(claim.digest);
  claim.validUntilMs = askedAtMs + fetchLeaseMs;
  return answer;
}

/** Adds a line to the timeline of every pull that waits for the blob. */
export async function noteFetch(context: ContentContext, digest: Digest, line: string): Promise<void> {
  const waiters = await listFetchWaiters(context.database.prisma, [digest]);
  await addPullEvents(
    context.database.prisma,
    waiters.map(({ pullId }) => pullId),
    line,
  );
}

/**
 * Gives the fetch back: at once for anybody, or after a wait. `failed` counts a try; returns the failed tries so far.
 *
 * @throws {FetchLostError} another has it
 */
export async function releaseFetch(
  context: ContentContext,
  claim: FetchClaim,
  options: { waitMs?: number; failed?: boolean } = {},
): Promise<{ attempts: number }> {
  const failedTries = options.failed ? 1 : 0;
  const attempts = await requeueFetch(context.database.prisma, claim, { waitMs: options.waitMs ?? 0, failedTries });
  if (attempts === null) throw new FetchLostError(claim.digest);
  return { attempts };
}

/**
 * Gives the fetch back until the registry takes requests again; no try is counted. Interactive pulls that would wait
 * too long fail with `error`, the registry's words; they are returned.
 *
 * @throws {FetchLostError} another has it
 */
export async function parkFetch(
  context: ContentContext,
  claim: FetchClaim,
  wait: { until: Date; line: string; error: PullFailure },
): Promise<{ failedPulls: string[] }> {
  const waitMs = Math.max(wait.until.getTime() - Date.now(), 0);
  return await context.database.transaction(async (tx) => {
    const waiters = await listFetchWaiters(tx, [claim.digest]);
    const failed = waiters.filter((waiter) => waitsTooLong(waiter, waitMs)).map(({ pullId }) => pullId);
    // Ended first, since that locks all fetches of these pulls in order, this one among them.
    const failedPulls = await endPulls(tx, failed, { state: 'failed', error: wait.error });
    const attempts = await requeueFetch(tx, claim, { waitMs, failedTries: 0, waitError: wait.error });
    if (attempts === null) throw new FetchLostError(claim.digest);
    await addPullEvents(
      tx,
      waiters.map(({ pullId }) => pullId),
      wait.line,
    );
    return { failedPulls };
  });
}

/**
 * Fails the pulls that wait through sources that refuse; the fetch goes on for the others. Returns how many are left.
 */
export async function dropFetchWaiters(
  context: ContentContext,
  claim: FetchClaim,
  pullIds: readonly string[],
  error: PullFailure,
): Promise<{ left: number }> {
  return await context.database.transaction(async (tx) => {
    await endPulls(tx, pullIds, { state: 'failed', error });
    return { left: (await listFetchWaiters(tx, [claim.digest])).length };
  });
}

/**
 * Fails every pull that waits for the blob and ends the fetch.
 *
 * @throws {FetchLostError} another has it
 */
export async function failFetch(context: ContentContext, claim: FetchClaim, error: PullFailure): Promise<void> {
  await context.database.transaction(async (tx) => {
    const waiters = await listFetchWaiters(tx, [claim.digest]);
    await endPulls(
      tx,
      waiters.map(({ pullId }) => pullId),
      { state: 'failed', error },
    );
    if ((await deleteOwnFetches(tx, [claim])).length === 0) throw new FetchLostError(claim.digest);
  });
}
