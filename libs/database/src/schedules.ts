import type { BatchPriority } from './batches.js';
import { batchPriorities, priorityNumber } from './batches.js';
import { afterMs } from './database-time.js';
import { Prisma } from './generated/client.js';
import { jsonbText } from './jsonb-text.js';
import type { PullFailure } from './pulls.js';
import type { Tx } from './transaction.js';

/** Which tags of a repository are mirrored, for which platforms. Every condition that is there holds. */
export interface MirrorRule {
  /** Full name. */
  repository: string;
  /** Patterns with `*` and `?`; one of them fits. */
  globs?: string[];
  /** A range of versions, as npm writes them. */
  semver?: string;
  /** So many of what is left, the highest versions first. */
  newest?: number;
  /** Normalised; none for that of the service. */
  platforms: string[];
}

/** A schedule without what the database adds. */
export interface NewSchedule {
  name: string;
  owner: string;
  cron: string;
  timezone: string;
  priority: BatchPriority;
  labels: Record<string, string>;
  rules: MirrorRule[];
  moved: 'follow' | 'keep';
  vanished: 'keep' | 'untag';
  enabled: boolean;
  nextRunAt: Date | null;
}

export interface ScheduleRow extends NewSchedule {
  id: string;
  createdAt: Date;
}

/** One time that a schedule did its work. Its batch says how the pulls went. */
export interface ScheduleRunRow {
  id: string;
  scheduleId: string;
  state: 'listing' | 'started' | 'failed';
  batchId: string | null;
  /** Tags that its rules chose, and those it took away because they are gone upstream. */
  tags: number;
  untagged: number;
  error: PullFailure | null;
  attempts: number;
  startedAt: Date;
}

const columns = Prisma.sql`id::text, name, owner, cron, timezone, priority, labels, rules, moved, vanished, enabled,
  next_run_at as "nextRunAt", created_at as "createdAt"`;

type Stored = Omit<ScheduleRow, 'priority'> & { priority: number };

function toSchedule(row: Stored): ScheduleRow {
  return { ...row, priority: batchPriorities[row.priority] ?? 'normal' };
}

/** Null when there is one of this name already. */
export async function insertSchedule(tx: Tx, schedule: NewSchedule): Promise<string | null> {
  const [row] = await tx.$queryRaw<{ id: string }[]>`
    insert into schedule (name, owner, cron, timezone, priority, labels, rules, moved, vanished, enabled, next_run_at)
    values (${schedule.name}, ${schedule.owner}, ${schedule.cron}, ${schedule.timezone},
            ${priorityNumber(schedule.priority)}::smallint, ${jsonbText(schedule.labels)}::jsonb,
            ${jsonbText(schedule.rules)}::jsonb, ${schedule.moved}, ${schedule.vanished}, ${schedule.enabled},
            ${schedule.nextRunAt})
    on conflict (name) do nothing
    returning id::text`;
  return row?.id ?? null;
}

/** False when there is no such schedule. Its name and owner stay. */
export async function updateSchedule(tx: Tx, id: string, schedule: NewSchedule): Promise<boolean> {
  const count = await tx.$executeRaw`
    update schedule set cron = ${schedule.cron}, timezone = ${schedule.timezone},
           priority = ${priorityNumber(schedule.priority)}::smallint, labels = ${jsonbText(schedule.labels)}::jsonb,
           rules = ${jsonbText(schedule.rules)}::jsonb, moved = ${schedule.moved}, vanished = ${schedule.vanished},
           enabled = ${schedule.enabled}, next_run_at = ${schedule.nextRunAt}
     where id = ${id}::uuid`;
  return count === 1;
}

export async function deleteSchedule(tx: Tx, id: string): Promise<boolean> {
  return (await tx.$executeRaw`delete from schedule where id = ${id}::uuid`) === 1;
}

export async function findSchedule(tx: Tx, id: string): Promise<ScheduleRow | null> {
  const [row] = await tx.$queryRaw<Stored[]>`select ${columns} from schedule where id = ${id}::uuid`;
  return row === undefined ? null : toSchedule(row);
}

/** By name, after one. */
export async function listSchedules(tx: Tx, options: { after?: string; limit: number }): Promise<ScheduleRow[]> {
  const rows = await tx.$queryRaw<Stored[]>`
    select ${columns} from schedule where name > ${options.after ?? ''} order by name limit ${options.limit}`;
  return rows.map(toSchedule);
}

/** Schedules whose time has come. */
export async function listDueSchedules(tx: Tx, limit: number): Promise<ScheduleRow[]> {
  const rows = await tx.$queryRaw<Stored[]>`
    select ${columns} from schedule where enabled and next_run_at <= now() order by next_run_at limit ${limit}`;
  return rows.map(toSchedule);
}

/**
 * Begins a run and sets the time of the next one. Null when another process did, or when the run before still lists
 * its tags: then only the time moves on.
 */
export async function beginRun(
  tx: Tx,
  schedule: { id: string; due: Date | null; nextRunAt: Date | null },
): Promise<string | null> {
  const moved = await tx.$executeRaw`
    update schedule set next_run_at = ${schedule.nextRunAt}
     where id = ${schedule.id}::uuid
       and date_trunc('milliseconds', next_run_at) is not distinct from ${schedule.due}::timestamptz`;
  return moved === 1 ? await insertRun(tx, schedule.id) : null;
}

/** A run beside the times of its schedule. Null when one is under way. */
export async function insertRun(tx: Tx, scheduleId: string): Promise<string | null> {
  const [row] = await tx.$queryRaw<{ id: string }[]>`
    insert into schedule_run (schedule_id)
      select id from schedule
       where id = ${scheduleId}::uuid and not exists (
         select from schedule_run r where r.schedule_id = schedule.id and r.state = 'listing')
      returning id::text`;
  return row?.id ?? null;
}

const runColumns = Prisma.sql`id::text, schedule_id::text as "scheduleId", state, batch_id::text as "batchId", tags,
  untagged, error, attempts, started_at as "startedAt"`;

export async function findRun(tx: Tx, runId: string): Promise<ScheduleRunRow | null> {
  const [row] = await tx.$queryRaw<ScheduleRunRow[]>`
    select ${runColumns} from schedule_run where id = ${runId}::uuid`;
  return row ?? null;
}

/** Runs of a schedule, the newest first. */
export async function listRuns(
  tx: Tx,
  scheduleId: string,
  options: { before?: Date; limit: number },
): Promise<ScheduleRunRow[]> {
  return await tx.$queryRaw<ScheduleRunRow[]>`
    select ${runColumns} from schedule_run
     where schedule_id = ${scheduleId}::uuid
       and (${options.before ?? null}::timestamptz is null
            or date_trunc('milliseconds', started_at) < ${options.before ?? null}::timestamptz)
     order by started_at desc limit ${options.limit}`;
}

/** Runs that somebody should go on with. */
export async function listDueRuns(tx: Tx, limit: number): Promise<string[]> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    select id::text from schedule_run where state = 'listing' and not_before <= now() order by not_before limit ${limit}`;
  return rows.map((row) => row.id);
}

/** Ends the listing of a run. False when it had ended already. */
export async function endRun(
  tx: Tx,
  runId: string,
  end: Pick<ScheduleRunRow, 'batchId' | 'tags' | 'untagged'> & { error?: PullFailure },
): Promise<boolean> {
  const count = await tx.$executeRaw`
    update schedule_run set state = ${end.error ? 'failed' : 'started'}, batch_id = ${end.batchId}::uuid,
           tags = ${end.tags}::int, untagged = ${end.untagged}::int,
           error = ${end.error ? jsonbText(end.error) : null}::jsonb
     where id = ${runId}::uuid and state = 'listing'`;
  return count === 1;
}

/** Lets a run wait for its registry. */
export async function delayRun(tx: Tx, runId: string, waitMs: number, failedTries: number): Promise<void> {
  await tx.$executeRaw`
    update schedule_run set not_before = ${afterMs(waitMs)}, attempts = attempts + ${failedTries}::int
     where id = ${runId}::uuid and state = 'listing'`;
}

/** Tags of a repository that are here. */
export async function listLocalTags(tx: Tx, repository: string): Promise<string[]> {
  const rows = await tx.$queryRaw<{ name: string }[]>`
    select t.name from tag t join repository r on r.id = t.repository_id where r.name = ${repository}`;
  return rows.map((row) => row.name);
}

/** Remembers which tags a schedule asked for; returns those of before that are not among `upstream` any more. */
export async function noteScheduleTags(
  tx: Tx,
  scheduleId: string,
  repository: string,
  tags: { chosen: readonly string[]; upstream: readonly string[] },
): Promise<string[]> {
  await tx.$executeRaw`
    insert into schedule_tag (schedule_id, repository, tag)
      select ${scheduleId}::uuid, ${repository}, tag from unnest(${[...tags.chosen]}::text[]) tag
      on conflict do nothing`;
  const rows = await tx.$queryRaw<{ tag: string }[]>`
    delete from schedule_tag
     where schedule_id = ${scheduleId}::uuid and repository = ${repository} and tag <> all(${[...tags.upstream]}::text[])
    returning tag`;
  return rows.map((row) => row.tag);
}
