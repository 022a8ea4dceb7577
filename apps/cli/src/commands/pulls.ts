import { cancelPull, type EndpointOutput, getPull, listPulls } from '@entrepot/platform-api';
import { type Command, Option } from 'commander';
import { readAll } from '../client/pages.js';
import { type CommandContext, print } from '../context.js';
import { collect, listHelp, wholeNumber } from '../options.js';
import { humanAge, humanSize } from '../output/human.js';
import { formatList, type ListOptions, type ListShape } from '../output/list.js';
import { followPullToEnd } from './follow-pull.js';

type Pull = EndpointOutput<typeof listPulls>['items'][number];

const states = ['queued', 'fetching', 'publishing', 'done', 'failed', 'cancelled'] as const;

interface PullsOptions extends ListOptions {
  state: string[];
  limit: number;
  follow?: boolean;
  cancel?: boolean;
}

export function addPulls(program: Command, context: CommandContext): void {
  program
    .command('pulls [id]')
    .description('list the pulls of the last day; with ID, print the timeline of one')
    .addOption(
      new Option('--state <state>', 'only in this state; several times').choices(states).argParser(collect).default([]),
    )
    .option('--limit <number>', 'at most so many, newest first', wholeNumber(1), 50)
    .option('--follow', 'show the pull ID until it ends')
    .option('--cancel', 'cancel the pull ID')
    .option('--format <template>', listHelp.format)
    .option('-q, --quiet', 'only print ids')
    .option('--json', listHelp.json)
    .action(async (id: string | undefined, options: PullsOptions) => {
      if (id === undefined) return list(context, options);
      if (options.cancel) await context.client().call(cancelPull, { params: { id } }, context.signal);
      if (options.follow) await followPullToEnd(context, id, { quiet: options.quiet, onInterrupt: 'detach' });
      else await show(context, id, Boolean(options.json));
    });
}

async function list(context: CommandContext, options: PullsOptions): Promise<void> {
  const state = options.state as Pull['state'][];
  const read = (page: { cursor?: string; limit: number }) =>
    context.client().call(listPulls, { query: { state, ...page } }, context.signal);
  await print(context, formatList(await readAll(read, options.limit), pullShape, options));
}

async function show(context: CommandContext, id: string, json: boolean): Promise<void> {
  const pull = await context.client().call(getPull, { params: { id } }, context.signal);
  if (json) return print(context, `${JSON.stringify(pull, null, 2)}\n`);
  const lines = pull.timeline.map(({ at, line }) => `${at}  ${line}`);
  const end = pull.error ? `${pull.state}: ${pull.error.message}` : (pull.outcome ?? pull.state);
  await print(context, `${[pull.reference, ...lines, end].join('\n')}\n`);
}

const pullShape: ListShape<Pull> = {
  row: (pull) => ({
    ID: pull.id,
    Reference: pull.reference,
    Platform: pull.platform ?? '',
    Kind: pull.kind,
    State: pull.state,
    Progress: pull.sizeBytes > 0 ? `${humanSize(pull.bytesDone, 3)}/${humanSize(pull.sizeBytes, 3)}` : '',
    Created: humanAge(new Date(pull.createdAt)),
    Caller: pull.caller ?? '',
    Error: pull.error?.message ?? '',
  }),
  headers: {
    ID: 'PULL ID',
    Reference: 'REFERENCE',
    Platform: 'PLATFORM',
    Kind: 'KIND',
    State: 'STATE',
    Progress: 'PROGRESS',
    Created: 'CREATED',
    Caller: 'CALLER',
    Error: 'ERROR',
  },
  table: '{{.ID}}\t{{.Reference}}\t{{.State}}\t{{.Progress}}\t{{.Created}}\t{{.Error}}',
  quietField: 'ID',
};
