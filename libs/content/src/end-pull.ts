import {
  finishPulls,
  listUnwantedFetches,
  lockFetchesOf,
  lockPulls,
  notify,
  type PullFailure,
  type Tx,
} from '@entrepot/database';

/** Interactive pulls wait for a registry at most so long, counted from their beginning. */
export const interactivePatienceMs = 2 * 60_000;

/** Says whether a pull gives up rather than wait so long. */
export function waitsTooLong(pull: { kind: 'interactive' | 'batch'; ageMs: number }, waitMs: number): boolean {
  return pull.kind === 'interactive' && pull.ageMs + waitMs > interactivePatienceMs;
}

/** Where workers listen for a fetch that nobody wants any more. */
export function fetchCancelTopic(digest: string): string {
  return `fetch-cancel:${digest}`;
}

/**
 * Ends pulls that are not published, and tells the owners of fetches that nobody waits for any more. Returns those
 * that had not ended already.
 */
export async function endPulls(
  tx: Tx,
  pullIds: readonly string[],
  end: { state: 'failed' | 'cancelled'; error?: PullFailure },
): Promise<string[]> {
  if (pullIds.length === 0) return [];
  const fetches = await lockFetchesOf(tx, pullIds);
  // Ended by statements that begin after this one, so that they see every lease somebody gave the pull before.
  await lockPulls(tx, pullIds);
  const ended = await finishPulls(tx, pullIds, end);
  const unwanted = await listUnwantedFetches(tx, fetches);
  await notify(tx, unwanted.map(fetchCancelTopic));
  return ended;
}
