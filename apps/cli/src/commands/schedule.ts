import {
  createSchedule,
  type EndpointInput,
  type EndpointOutput,
  listScheduleRuns,
  listSchedules,
  removeSchedule,
  replaceSchedule,
  runSchedule,
} from '@entrepot/platform-api';
import { type Command, Option } from 'commander';
import { readAll } from '../client/pages.js';
import { type CommandContext, print } from '../context.js';
import { UsageError } from '../exit-code.js';
import { collect, listHelp, wholeNumber } from '../options.js';
import { humanAge } from '../output/human.js';
import { formatList, type ListOptions, type ListShape } from '../output/list.js';
import { eachName } from './each-name.js';

type Schedule = EndpointOutput<typeof listSchedules>['items'][number];
type Run = EndpointOutput<typeof listScheduleRuns>['items'][number];
type NewSchedule = EndpointInput<typeof createSchedule>['body'];

interface CreateOptions {
  cron: string;
  timezone?: string;
  repository: string[];
  tags?: string[];
  semver?: string;
  newest?: number;
  platform?: string[];
  moved?: 'follow' | 'keep';
  vanished?: 'keep' | 'untag';
  priority?: 'low' | 'normal' | 'high';
  owner?: string;
}

export function addSchedule(program: Command, context: CommandContext): void {
  const schedule = program.command('schedule').description('mirror repositories by rule, again and again');
  addLists(schedule, context);
  addCreate(schedule, context);
  schedule
    .command('run <name...>')
    .description('run schedules now')
    .action((names: string[]) =>
      eachName(context, names, async (name) => {
        const { id } = await findSchedule(context, name);
        const run = await context.client().call(runSchedule, { params: { id } }, context.signal);
        await print(context, `${run.id}\n`);
      }),
    );
  for (const [verb, enabled] of [
    ['enable', true],
    ['disable', false],
  ] as const) {
    schedule
      .command(`${verb} <name...>`)
      .description(enabled ? 'let schedules run again' : 'keep schedules from running')
      .action((names: string[]) => eachName(context, names, (name) => setEnabled(context, name, enabled)));
  }
  schedule
    .command('rm <name...>')
    .description('remove schedules; what they have brought stays')
    .action((names: string[]) =>
      eachName(context, names, async (name) => {
        const { id } = await findSchedule(context, name);
        await context.client().call(removeSchedule, { params: { id } }, context.signal);
      }),
    );
}

function addLists(schedule: Command, context: CommandContext): void {
  schedule
    .command('ls', { isDefault: true })
    .description('list schedules')
    .option('--format <template>', listHelp.format)
    .option('-q, --quiet', 'only print names')
    .option('--json', listHelp.json)
    .action(async (options: ListOptions) => {
      await print(context, formatList(await readSchedules(context), scheduleShape, options));
    });
  schedule
    .command('runs <name>')
    .description('list the runs of a schedule, newest first; each is a batch')
    .option('--limit <number>', 'at most so many', wholeNumber(1), 20)
    .option('--format <template>', listHelp.format)
    .option('-q, --quiet', 'only print ids')
    .option('--json', listHelp.json)
    .action(async (name: string, { limit, ...options }: ListOptions & { limit: number }) => {
      const { id } = await findSchedule(context, name);
      const read = (page: { cursor?: string; limit: number }) =>
        context.client().call(listScheduleRuns, { params: { id }, query: page }, context.signal);
      await print(context, formatList(await readAll(read, limit), runShape, options));
    });
}

function addCreate(schedule: Command, context: CommandContext): void {
  schedule
    .command('create <name>')
    .description('make a schedule; the options on tags hold for every repository')
    .requiredOption('--cron <expression>', 'five fields, or @daily and the like')
    .option('--timezone <name>', 'of the expression; UTC when not said')
    .requiredOption('-r, --repository <name>', 'what is mirrored; several times', collect)
    .option('-t, --tags <glob>', 'which tags; several times', collect)
    .option('--semver <range>', 'only versions in this range, as >=1.2 <3')
    .option('--newest <number>', 'only so many, the highest versions first', wholeNumber(1))
    .option('--platform <platform>', 'as linux/arm64; several times', collect)
    .addOption(new Option('--moved <what>', 'a tag names something else by now').choices(['follow', 'keep']))
    .addOption(new Option('--vanished <what>', 'a tag is gone upstream').choices(['keep', 'untag']))
    .addOption(new Option('--priority <priority>', 'of its batches').choices(['low', 'normal', 'high']))
    .option('--owner <name>', 'who it is for, where no token says it')
    .action(async (name: string, options: CreateOptions) => {
      const body = scheduleOf(name, options);
      const { nextRunAt } = await context.client().call(createSchedule, { body }, context.signal);
      await print(context, `${name} runs next at ${nextRunAt}\n`);
    });
}

function scheduleOf(name: string, options: CreateOptions): NewSchedule {
  const { cron, timezone, repository, tags, semver, newest, platform, moved, vanished, priority, owner } = options;
  if (tags === undefined && semver === undefined && newest === undefined) {
    throw new UsageError("say which tags: --tags '*' is all of them, or --semver, or --newest");
  }
  const rules = repository.map((one) => ({ repository: one, globs: tags, semver, newest, platforms: platform }));
  return { name, cron, timezone, rules, moved, vanished, priority, owner };
}

async function setEnabled(context: CommandContext, name: string, enabled: boolean): Promise<void> {
  const { id, cron, timezone, rules, moved, vanished, priority, labels } = await findSchedule(context, name);
  const body = { cron, timezone, rules, moved, vanished, priority, labels, enabled };
  await context.client().call(replaceSchedule, { params: { id }, body }, context.signal);
}

function readSchedules(context: CommandContext): Promise<Schedule[]> {
  return readAll((page) => context.client().call(listSchedules, { query: page }, context.signal));
}

/** By name or id. */
async function findSchedule(context: CommandContext, name: string): Promise<Schedule> {
  const found = (await readSchedules(context)).find((schedule) => schedule.name === name || schedule.id === name);
  if (!found) throw new UsageError(`there is no schedule ${name}`);
  return found;
}

const scheduleShape: ListShape<Schedule> = {
  row: ({ id, name, owner, cron, timezone, rules, enabled, nextRunAt }) => ({
    ID: id,
    Name: name,
    Owner: owner,
    Cron: cron,
    Timezone: timezone,
    Repositories: rules.map(({ repository }) => repository).join(', '),
    NextRun: enabled ? (nextRunAt ?? '') : 'disabled',
    Rules: rules,
  }),
  headers: {
    ID: 'SCHEDULE ID',
    Name: 'NAME',
    Owner: 'OWNER',
    Cron: 'CRON',
    Timezone: 'TIMEZONE',
    Repositories: 'REPOSITORIES',
    NextRun: 'NEXT RUN',
    Rules: 'RULES',
  },
  table: '{{.Name}}\t{{.Cron}}\t{{.Timezone}}\t{{.NextRun}}\t{{.Repositories}}',
  quietField: 'Name',
};

const runShape: ListShape<Run> = {
  row: ({ id, state, batchId, tags, untagged, error, startedAt }) => ({
    ID: id,
    State: state,
    Batch: batchId ?? '',
    Tags: String(tags),
    Untagged: String(untagged),
    Error: error?.message ?? '',
    Started: humanAge(new Date(startedAt)),
  }),
  headers: {
    ID: 'RUN ID',
    State: 'STATE',
    Batch: 'BATCH ID',
    Tags: 'TAGS',
    Untagged: 'UNTAGGED',
    Error: 'ERROR',
    Started: 'STARTED',
  },
  table: '{{.ID}}\t{{.State}}\t{{.Tags}}\t{{.Batch}}\t{{.Started}}\t{{.Error}}',
  quietField: 'ID',
};
