import { z } from 'zod';
import { batchPriority } from './batches.js';
import { defineEndpoint } from './define-endpoint.js';
import { pageOf, pageQuery } from './page.js';
import { failure } from './pulls.js';
import { time } from './values.js';

const resource = { tags: ['schedules'] };
const params = { id: z.uuid() };
const shortText = z.string().min(1).max(256);

const mirrorRule = z
  .strictObject({
    repository: z.string().min(1).max(512).describe('As `docker pull` takes it, without a tag.'),
    globs: z
      .array(z.string().min(1).max(128))
      .min(1)
      .max(32)
      .optional()
      .describe('Patterns of tags; one of them fits.'),
    semver: shortText.optional().describe('A range of versions, as npm writes them.'),
    newest: z.int().min(1).max(10_000).optional().describe('So many of what is left, the highest versions first.'),
    platforms: z.array(shortText).max(16).default([]),
  })
  .refine(({ globs, semver, newest }) => globs !== undefined || semver !== undefined || newest !== undefined, {
    message: 'expected globs, semver or newest; `globs: ["*"]` is all tags',
  })
  .meta({ id: 'MirrorRule' });

const wish = {
  cron: shortText.describe('Five fields, or `@daily` and the like.'),
  timezone: shortText.default('UTC'),
  rules: z.array(mirrorRule).min(1).max(100),
  moved: z
    .enum(['follow', 'keep'])
    .default('follow')
    .describe('What to do with a tag that names something else by now.'),
  vanished: z.enum(['keep', 'untag']).default('keep').describe('What to do with a tag that is gone upstream.'),
  priority: batchPriority.default('low'),
  labels: z.record(z.string().min(1).max(128), z.string().max(1024)).default({}),
  enabled: z.boolean().default(true),
};

const schedule = z
  .object({
    ...wish,
    id: z.uuid(),
    name: z.string(),
    owner: z.string(),
    nextRunAt: time.nullable(),
    createdAt: time,
  })
  .meta({ id: 'Schedule' });

const scheduleRun = z
  .object({
    id: z.uuid(),
    state: z.enum(['listing', 'started', 'failed']),
    batchId: z.uuid().nullable().describe('Says how its pulls went; null when there was nothing to pull.'),
    tags: z.int().describe('That the rules chose.'),
    untagged: z.int(),
    error: failure.nullable(),
    startedAt: time,
  })
  .meta({ id: 'ScheduleRun' });

export const createSchedule = defineEndpoint({
  ...resource,
  method: 'POST',
  path: '/schedules',
  role: 'operator',
  summary: 'Mirror repositories by rule, again and again',
  body: z
    .strictObject({
      ...wish,
      name: z.string().regex(/^[\w.-]{1,64}$/, 'expected letters, digits, `.`, `_` and `-`'),
      owner: shortText.optional(),
    })
    .meta({ id: 'ScheduleRequest' }),
  response: schedule,
  status: 201,
});

export const listSchedules = defineEndpoint({
  ...resource,
  method: 'GET',
  path: '/schedules',
  role: 'reader',
  summary: 'List schedules by name',
  query: pageQuery,
  response: pageOf(schedule, 'SchedulePage'),
});

export const getSchedule = defineEndpoint({
  ...resource,
  method: 'GET',
  path: '/schedules/{id}',
  role: 'reader',
  summary: 'Show a schedule',
  params,
  response: schedule,
});

export const replaceSchedule = defineEndpoint({
  ...resource,
  method: 'PUT',
  path: '/schedules/{id}',
  role: 'operator',
  summary: 'Change a schedule: all but its name and owner',
  params,
  body: z.strictObject(wish).meta({ id: 'ScheduleChange' }),
  response: schedule,
});

export const removeSchedule = defineEndpoint({
  ...resource,
  method: 'DELETE',
  path: '/schedules/{id}',
  role: 'operator',
  summary: 'Remove a schedule; what it has brought stays',
  params,
});

export const runSchedule = defineEndpoint({
  ...resource,
  method: 'POST',
  path: '/schedules/{id}/run',
  role: 'operator',
  summary: 'Run a schedule now',
  params,
  response: scheduleRun,
  status: 202,
  startsWork: true,
});

export const listScheduleRuns = defineEndpoint({
  ...resource,
  method: 'GET',
  path: '/schedules/{id}/runs',
  role: 'reader',
  summary: 'List the runs of a schedule, the newest first',
  params,
  query: pageQuery,
  response: pageOf(scheduleRun, 'ScheduleRunPage'),
});
