import {
  changeSchedule,
  createSchedule,
  getSchedule,
  removeSchedule,
  runNow,
  type ScheduleRequest,
} from '@entrepot/content';
import {
  type Database,
  findRun,
  listRuns,
  listSchedules,
  type MirrorRule,
  type ScheduleRow,
  type ScheduleRunRow,
} from '@entrepot/database';
import { type JobQueue, runSchedule } from '@entrepot/jobs';
import type { Logger } from '@entrepot/observability';
import { formatPlatform, parsePlatform, parseReference, repositoryName } from '@entrepot/oci';
import * as api from '@entrepot/platform-api';
import { Controller, Inject } from '@nestjs/common';
import { z } from 'zod';
import { DATABASE, JOB_QUEUE, LOGGER } from '../providers.js';
import type { Call } from './call.js';
import { decodeCursor, pageFrom } from './cursor.js';
import { type Answer, Handles } from './handles.js';
import { PlatformError } from './platform-error.js';

type Wish = api.EndpointOutput<typeof api.getSchedule>;

/** Repositories that are mirrored by rule: when, what, and how it went. */
@Controller()
export class SchedulesController {
  constructor(
    @Inject(DATABASE) readonly database: Database,
    @Inject(JOB_QUEUE) private readonly queue: JobQueue,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  @Handles(api.createSchedule)
  async create({ body, caller }: Call<typeof api.createSchedule>): Promise<Answer<typeof api.createSchedule>> {
    const owner = caller.name === 'local' ? (body.owner ?? caller.name) : caller.name;
    return scheduleJson(await createSchedule(this, { ...requestOf(body), name: body.name, owner }));
  }

  @Handles(api.listSchedules)
  async list({ query }: Call<typeof api.listSchedules>): Promise<Answer<typeof api.listSchedules>> {
    const [after] = decodeCursor(z.tuple([z.string()]), query.cursor) ?? [];
    const rows = await listSchedules(this.database.prisma, { after, limit: query.limit + 1 });
    return pageFrom(rows, query.limit, scheduleJson, (row) => [row.name]);
  }

  @Handles(api.getSchedule)
  async get({ params }: Call<typeof api.getSchedule>): Promise<Answer<typeof api.getSchedule>> {
    return scheduleJson(await getSchedule(this, params.id));
  }

  @Handles(api.replaceSchedule)
  async replace({ params, body }: Call<typeof api.replaceSchedule>): Promise<Answer<typeof api.replaceSchedule>> {
    const { name, owner } = await getSchedule(this, params.id);
    return scheduleJson(await changeSchedule(this, params.id, { ...requestOf(body), name, owner }));
  }

  @Handles(api.removeSchedule)
  async remove({ params }: Call<typeof api.removeSchedule>): Promise<Answer<typeof api.removeSchedule>> {
    await removeSchedule(this, params.id);
  }

  @Handles(api.runSchedule)
  async run({ params }: Call<typeof api.runSchedule>): Promise<Answer<typeof api.runSchedule>> {
    const runId = await runNow(this, params.id);
    // A job that could not be added is added by a sweep.
    await this.queue
      .enqueue(runSchedule, { runId })
      .catch((error: unknown) => this.logger.warn({ runId, err: error }, 'a run has to wait for the next sweep'));
    return runJson((await findRun(this.database.prisma, runId)) as ScheduleRunRow);
  }

  @Handles(api.listScheduleRuns)
  async runs({ params, query }: Call<typeof api.listScheduleRuns>): Promise<Answer<typeof api.listScheduleRuns>> {
    await getSchedule(this, params.id);
    const [text] = decodeCursor(z.tuple([z.iso.datetime()]), query.cursor) ?? [];
    const before = text === undefined ? undefined : new Date(text);
    const rows = await listRuns(this.database.prisma, params.id, { before, limit: query.limit + 1 });
    return pageFrom(rows, query.limit, runJson, (row) => [row.startedAt.toISOString()]);
  }
}

function requestOf(
  wish: Omit<Wish, 'id' | 'name' | 'owner' | 'nextRunAt' | 'createdAt'>,
): Omit<ScheduleRequest, 'name' | 'owner'> {
  const { cron, timezone, moved, vanished, priority, labels, enabled } = wish;
  return { cron, timezone, moved, vanished, priority, labels, enabled, rules: wish.rules.map(ruleOf) };
}

function ruleOf({ repository, platforms, ...rule }: Wish['rules'][number]): MirrorRule {
  const reference = parseReference(repository);
  if (reference.tag !== undefined || reference.digest !== undefined) {
    throw new PlatformError(400, 'INVALID_RULE', `${repository}: expected a repository, without a tag or digest`);
  }
  const wanted = platforms.map((platform) => formatPlatform(parsePlatform(platform.toLowerCase())));
  return { ...rule, repository: repositoryName(reference), platforms: [...new Set(wanted)] };
}

function scheduleJson({ nextRunAt, createdAt, ...schedule }: ScheduleRow): Wish {
  return { ...schedule, nextRunAt: nextRunAt?.toISOString() ?? null, createdAt: createdAt.toISOString() };
}

function runJson({ startedAt, error, ...run }: ScheduleRunRow) {
  const shown = error && { code: error.code, message: error.message };
  return { ...run, error: shown, startedAt: startedAt.toISOString() };
}
