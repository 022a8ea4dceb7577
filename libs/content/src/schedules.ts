import {
  beginRun,
  delayRun,
  deleteSchedule as deleteRow,
  endRun,
  findSchedule,
  insertBatch,
  insertRun,
  insertSchedule,
  listDueSchedules,
  listLocalTags,
  type MirrorRule,
  type NewBatchItem,
  type NewSchedule,
  noteScheduleTags,
  type PullFailure,
  type ScheduleRow,
  updateSchedule as updateRow,
} from '@entrepot/database';
import { parseRepository } from '@entrepot/oci';
import type { ContentContext } from './context.js';
import { nextRun } from './cron.js';
import { checkRule, chooseTags } from './mirror-rule.js';
import { removeImage } from './release.js';

type Context = Pick<ContentContext, 'database'>;

/** A schedule as somebody asks for it; the time of its first run follows from it. */
export type ScheduleRequest = Omit<NewSchedule, 'nextRunAt'>;

/** What a repository has upstream, and what of it is chosen. */
export interface ListedRepository {
  rule: MirrorRule;
  tags: readonly string[];
}

/** Items of one run; more would be no batch. */
const mostItems = 10_000;

/**
 * @throws {ScheduleExistsError} there is one of this name
 * @throws {InvalidCronError} @throws {InvalidRuleError}
 */
export async function createSchedule({ database }: Context, request: ScheduleRequest): Promise<ScheduleRow> {
  const id = await insertSchedule(database.prisma, timed(request));
  if (id === null) throw new ScheduleExistsError(request.name);
  return await getSchedule({ database }, id);
}

/** Replaces all of it but its name and owner. @throws as `createSchedule` */
export async function changeSchedule(
  { database }: Context,
  id: string,
  request: ScheduleRequest,
): Promise<ScheduleRow> {
  if (!(await updateRow(database.prisma, id, timed(request)))) throw new ScheduleNotFoundError(id);
  return await getSchedule({ database }, id);
}

/** @throws {ScheduleNotFoundError} */
export async function getSchedule({ database }: Context, id: string): Promise<ScheduleRow> {
  const schedule = await findSchedule(database.prisma, id);
  if (schedule === null) throw new ScheduleNotFoundError(id);
  return schedule;
}

/** What it has brought stays. @throws {ScheduleNotFoundError} */
export async function removeSchedule({ database }: Context, id: string): Promise<void> {
  if (!(await deleteRow(database.prisma, id))) throw new ScheduleNotFoundError(id);
}

/** Runs it beside its times. @throws {ScheduleBusyError} a run of it lists its tags just now */
export async function runNow({ database }: Context, id: string): Promise<string> {
  const { name } = await getSchedule({ database }, id);
  const runId = await insertRun(database.prisma, id);
  if (runId === null) throw new ScheduleBusyError(name);
  return runId;
}

/** Begins the runs whose time has come; each once, whoever asks. Missed times count as one. */
export async function beginDueRuns({ database }: Context): Promise<string[]> {
  const runs: string[] = [];
  for (const { id, cron, timezone, nextRunAt: due } of await listDueSchedules(database.prisma, 100)) {
    const next = { id, due, nextRunAt: nextRun(cron, timezone) };
    const runId = await database.transaction((tx) => beginRun(tx, next));
    if (runId !== null) runs.push(runId);
  }
  return runs;
}

/**
 * Turns what the repositories have into a batch, and takes away the tags that are gone, when the schedule says so.
 * Returns the batch, null when there is nothing to pull. Idempotent: a run that has ended is left alone.
 *
 * @throws {InvalidRuleError} the rules choose more than a batch can hold
 */
export async function startRun(
  { database }: Context,
  run: { id: string; schedule: ScheduleRow; listed: readonly ListedRepository[] },
): Promise<string | null> {
  const { schedule } = run;
  const items: NewBatchItem[] = [];
  const gone: string[] = [];
  let tagCount = 0;
  for (const { rule, tags } of run.listed) {
    const here = schedule.moved === 'keep' ? new Set(await listLocalTags(database.prisma, rule.repository)) : new Set();
    const chosen = chooseTags(rule, tags);
    tagCount += chosen.length;
    items.push(
      ...itemsOf(
        rule,
        chosen.filter((tag) => !here.has(tag)),
      ),
    );
    const vanished = await noteScheduleTags(database.prisma, schedule.id, rule.repository, { chosen, upstream: tags });
    gone.push(...vanished.map((tag) => `${rule.repository}:${tag}`));
  }
  const untagged = schedule.vanished === 'untag' ? await untag({ database }, gone) : 0;
  return await database.transaction(async (tx) => {
    const { owner, priority, labels, id: scheduleId } = schedule;
    const distinct = [...new Map(items.map((item) => [`${item.reference} ${item.platform}`, item])).values()];
    if (distinct.length > mostItems) throw new ScheduleTooLargeError(schedule.name, distinct.length);
    const batch = { owner, priority, labels, scheduleId, dryRun: false, items: distinct };
    const batchId = distinct.length === 0 ? null : await insertBatch(tx, batch);
    if (!(await endRun(tx, run.id, { batchId, tags: tagCount, untagged }))) throw new RunEndedError(run.id);
    return batchId;
  });
}

/** Ends a run that found out nothing. */
export async function failRun({ database }: Context, runId: string, error: PullFailure): Promise<void> {
  await endRun(database.prisma, runId, { batchId: null, tags: 0, untagged: 0, error });
}

/** Lets a run wait for its registry; `failed` counts a try. */
export async function parkRun(
  { database }: Context,
  runId: string,
  wait: { until: Date; failed: boolean },
): Promise<void> {
  const waitMs = Math.max(wait.until.getTime() - Date.now(), 0);
  await delayRun(database.prisma, runId, waitMs, wait.failed ? 1 : 0);
}

function timed(request: ScheduleRequest): NewSchedule {
  for (const rule of request.rules) checkRule(rule);
  const next = nextRun(request.cron, request.timezone);
  return { ...request, nextRunAt: request.enabled ? next : null };
}

function itemsOf({ repository, platforms }: MirrorRule, tags: readonly string[]): NewBatchItem[] {
  const host = parseRepository(repository).domain;
  const wanted = platforms.length === 0 ? [null] : platforms;
  return tags.flatMap((tag) =>
    wanted.map((platform) => ({ reference: `${repository}:${tag}`, host, platform, priority: 'normal', labels: {} })),
  );
}

/** A tag that is in use, or that somebody took away already, is left alone. */
async function untag(context: Context, names: readonly string[]): Promise<number> {
  let count = 0;
  for (const name of names) {
    const removed = await removeImage(context, name).then(
      () => true,
      () => false,
    );
    if (removed) count += 1;
  }
  return count;
}

/** There is no schedule of this id. */
export class ScheduleNotFoundError extends Error {
  override readonly name = 'ScheduleNotFoundError';
  readonly code = 'SCHEDULE_NOT_FOUND' as const;
  readonly retryable = false;

  constructor(readonly scheduleId: string) {
    super(`no schedule ${scheduleId}`);
  }
}

/** There is a schedule of this name. */
export class ScheduleExistsError extends Error {
  override readonly name = 'ScheduleExistsError';
  readonly code = 'SCHEDULE_EXISTS' as const;
  readonly retryable = false;

  constructor(readonly scheduleName: string) {
    super(`there is a schedule ${scheduleName} already`);
  }
}

/** A run of the schedule is under way. */
export class ScheduleBusyError extends Error {
  override readonly name = 'ScheduleBusyError';
  readonly code = 'SCHEDULE_BUSY' as const;
  readonly retryable = true;

  constructor(readonly scheduleName: string) {
    super(`schedule ${scheduleName} lists its tags just now`);
  }
}

/** The rules choose more than one batch can hold. */
export class ScheduleTooLargeError extends Error {
  override readonly name = 'ScheduleTooLargeError';
  readonly code = 'SCHEDULE_TOO_LARGE' as const;
  readonly retryable = false;

  constructor(scheduleName: string, items: number) {
    super(`the rules of ${scheduleName} choose ${items} images; at most ${mostItems} fit into a batch`);
  }
}

/** Another process has turned the run into a batch. */
export class RunEndedError extends Error {
  override readonly name = 'RunEndedError';
  readonly code = 'RUN_ENDED' as const;
  readonly retryable = false;

  constructor(readonly runId: string) {
    super(`run ${runId} has ended`);
  }
}
