import {
  claimFetch,
  dropFetchWaiters,
  type FetchClaim,
  FetchLostError,
  type FetchSource,
  fetchSources,
  finishFetch,
  noteFetch,
  parkFetch,
  releaseFetch,
  type StoredObject,
} from '@entrepot/content';
import type { JobContext } from '@entrepot/jobs';
import { type Digest, shortDigest } from '@entrepot/oci';
import { RegistryError, RegistryLimitedError } from '@entrepot/registry-client';
import type { PullerParts } from './parts.js';
import { publishPull } from './publish-pull.js';
import { describeBlobFailure, isFinal, waitLine } from './pull-failure.js';
import { FetchUnwantedError, TransferStoppedError, transferBlob } from './transfer-blob.js';
import type { Lane, TransferSlot, TransferSlots } from './transfer-slots.js';

/** A batch tries a registry in trouble so often again, with growing waits. */
const batchTries = 8;
const firstBatchWaitMs = 2_000;
const longestBatchWaitMs = 60_000;

interface Job extends Pick<JobContext, 'signal' | 'lastAttempt'> {
  /** Waited for before the blob is admitted. */
  onStored?(): Promise<void>;
}

type Outcome =
  | { stored: StoredObject }
  | { limited: RegistryLimitedError; mediaType: string }
  | { waitMs: number }
  | 'preempted'
  | 'unwanted';

/** Pulls that wait for one blob through the same repository with the same rights. */
interface SourceGroup {
  key: string;
  source: FetchSource;
  pullIds: string[];
}

/** A blob that is still to be fetched. */
export interface LeftOver {
  retryAt: Date;
}

/** Brings one blob into the store for every pull that waits for it, unless another worker does. */
export async function fetchBlob(
  parts: PullerParts,
  { digest }: { digest: Digest },
  job: Job,
  slots = parts.slots,
): Promise<LeftOver | undefined> {
  return await withSlot(slots, 'interactive', job, (slot) => fetchWith(parts, digest, slot, job));
}

/** As `fetchBlob`, for batches: gives way at the end of a chunk when people wait. */
export async function fetchBatchBlob(
  parts: PullerParts,
  { digest }: { digest: Digest },
  job: Job,
  slots = parts.slots,
): Promise<LeftOver | undefined> {
  const fetch = () => withSlot(slots, 'batch', job, (slot) => fetchWith(parts, digest, slot, job));
  return await parts.courtesy.whenPossible(fetch, job.signal);
}

async function withSlot<T>(
  slots: TransferSlots,
  lane: Lane,
  { signal }: Job,
  work: (slot: TransferSlot) => Promise<T>,
): Promise<T> {
  const slot = await slots.take(lane, signal);
  try {
    return await work(slot);
  } finally {
    slot.release();
  }
}

async function fetchWith(
  parts: PullerParts,
  digest: Digest,
  slot: TransferSlot,
  job: Job,
): Promise<LeftOver | undefined> {
  const claim = await claimFetch(parts.content, digest, parts.owner);
  // Whoever has it ends it, or the sweep finds it. A job that waited for that would hide what is wished for meanwhile.
  if (claim === null || 'taken' in claim) return;
  try {
    return await settle(parts, claim, await tryGroups(parts, claim, slot, job), job);
  } catch (error) {
    if (error instanceof FetchLostError) return;
    await releaseFetch(parts.content, claim).catch(() => {});
    throw error;
  }
}

/** Asks for the blob in the name of one pull after another, until one gets it. */
async function tryGroups(parts: PullerParts, claim: FetchClaim, slot: TransferSlot, job: Job): Promise<Outcome> {
  const tried = new Set<string>();
  let later: Outcome = 'unwanted';
  for (let sources = claim.sources; ; sources = await fetchSources(parts.content, claim.digest)) {
    const group = groupsOf(parts, sources).find(({ key }) => !tried.has(key));
    if (!group) return later;
    tried.add(group.key);
    try {
      return { stored: await transferBlob(parts, claim, group.source, slot, job.signal) };
    } catch (error) {
      if (error instanceof TransferStoppedError) return 'preempted';
      later = (await judge(parts, claim, group, error, job)) ?? later;
    }
  }
}

function groupsOf(parts: PullerParts, sources: readonly FetchSource[]): SourceGroup[] {
  const groups = new Map<string, SourceGroup>();
  for (const source of sources) {
    const secret = source.credential === null ? '' : parts.secretBox.open(source.credential);
    const key = `${source.kind} ${source.repository} ${secret}`;
    const group = groups.get(key) ?? { key, source, pullIds: [] };
    group.pullIds.push(source.pullId);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/** What a failed try means for the pulls behind it: they wait, or they fail and others may have more luck. */
async function judge(
  parts: PullerParts,
  claim: FetchClaim,
  { source, pullIds }: SourceGroup,
  error: unknown,
  { signal, lastAttempt }: Job,
): Promise<Outcome | null> {
  if (error instanceof FetchUnwantedError) return null;
  if (error instanceof FetchLostError || signal.aborted) throw error;
  const { mediaType } = source.descriptor;
  if (error instanceof RegistryLimitedError) return { limited: error, mediaType };
  const mayPass = error instanceof RegistryError && error.retryable;
  if (mayPass && source.kind === 'batch' && claim.attempts + 1 < batchTries) {
    return { waitMs: Math.min(firstBatchWaitMs * 2 ** claim.attempts, longestBatchWaitMs) };
  }
  if (!isFinal(error) && !lastAttempt) throw error;
  parts.logger.info(
    { digest: claim.digest, repository: source.repository, pulls: pullIds, err: error },
    'fetch failed',
  );
  await dropFetchWaiters(parts.content, claim, pullIds, describeBlobFailure(error, mediaType));
  return null;
}

async function settle(
  parts: PullerParts,
  claim: FetchClaim,
  outcome: Outcome,
  job: Job,
): Promise<LeftOver | undefined> {
  if (outcome === 'unwanted') return release(parts, claim);
  if (outcome === 'preempted') {
    await noteFetch(
      parts.content,
      claim.digest,
      `${shortDigest(claim.digest)}: gives way to pulls that people wait for`,
    );
    await releaseFetch(parts.content, claim);
    return { retryAt: new Date() };
  }
  if ('stored' in outcome) {
    await job.onStored?.();
    const { duePulls } = await finishFetch(parts.content, claim, outcome.stored);
    await Promise.all(duePulls.map((pullId) => publishPull(parts, { pullId })));
    return;
  }
  if ('waitMs' in outcome) {
    await releaseFetch(parts.content, claim, { waitMs: outcome.waitMs, failed: true });
    return { retryAt: new Date(Date.now() + outcome.waitMs) };
  }
  const { limited, mediaType } = outcome;
  const error = describeBlobFailure(limited, mediaType);
  await parkFetch(parts.content, claim, { until: limited.until, line: waitLine(limited), error });
  return { retryAt: limited.until };
}

/** A pull that began to wait just now found this job running and asked for no other. */
async function release(parts: PullerParts, claim: FetchClaim): Promise<LeftOver | undefined> {
  await releaseFetch(parts.content, claim);
  const isWanted = (await fetchSources(parts.content, claim.digest)).length > 0;
  return isWanted ? { retryAt: new Date() } : undefined;
}
