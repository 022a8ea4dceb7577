import { failRun, getSchedule, type ListedRepository, parkRun, RunEndedError, startRun } from '@entrepot/content';
import { findRun, type ScheduleRunRow } from '@entrepot/database';
import { type JobContext, planBatch } from '@entrepot/jobs';
import { RegistryError, RegistryLimitedError } from '@entrepot/registry-client';
import type { PullerParts } from './parts.js';
import { describeFailure, isFinal } from './pull-failure.js';

/** More tags than this nobody mirrors by rule; a registry that never ends its list is stopped here. */
const mostTags = 100_000;
const tries = 5;
const firstWaitMs = 10_000;

/** Lists what the repositories of a schedule have now, and makes a batch of what its rules choose. */
export async function runSchedule(
  parts: PullerParts,
  { runId }: { runId: string },
  job: Pick<JobContext, 'signal' | 'lastAttempt'>,
): Promise<{ retryAt: Date } | undefined> {
  const run = await findRun(parts.content.database.prisma, runId);
  if (run?.state !== 'listing') return;
  try {
    const schedule = await getSchedule(parts.content, run.scheduleId);
    const listed: ListedRepository[] = [];
    for (const rule of schedule.rules) {
      listed.push({ rule, tags: await listTags(parts, rule.repository, job.signal) });
    }
    const batchId = await startRun(parts.content, { id: runId, schedule, listed });
    if (batchId !== null) await parts.queue.enqueue(planBatch, { batchId });
  } catch (error) {
    return await giveUpOrWait(parts, run, error, job);
  }
}

async function listTags({ registry }: PullerParts, repository: string, signal: AbortSignal): Promise<string[]> {
  const tags: string[] = [];
  for await (const page of registry.listTags(repository, { signal, isBatch: true })) {
    tags.push(...page);
    if (tags.length > mostTags) throw new TooManyTagsError(repository);
  }
  return tags;
}

async function giveUpOrWait(
  parts: PullerParts,
  run: ScheduleRunRow,
  error: unknown,
  job: Pick<JobContext, 'signal' | 'lastAttempt'>,
): Promise<{ retryAt: Date } | undefined> {
  if (error instanceof RunEndedError) return;
  if (job.signal.aborted) throw error;
  const isLimit = error instanceof RegistryLimitedError;
  if (isLimit || (error instanceof RegistryError && error.retryable && run.attempts + 1 < tries)) {
    const until = isLimit ? error.until : new Date(Date.now() + firstWaitMs * 2 ** run.attempts);
    await parkRun(parts.content, run.id, { until, failed: !isLimit });
    return { retryAt: until };
  }
  if (!isFinal(error) && !job.lastAttempt) throw error;
  parts.logger.info({ runId: run.id, scheduleId: run.scheduleId, err: error }, 'a run of a schedule failed');
  await failRun(parts.content, run.id, describeFailure(error));
}

/** A repository lists tags without end. */
class TooManyTagsError extends Error {
  override readonly name = 'TooManyTagsError';
  readonly code = 'TOO_MANY_TAGS' as const;
  readonly retryable = false;

  constructor(readonly repository: string) {
    super(`${repository} has more than ${mostTags} tags`);
  }
}
