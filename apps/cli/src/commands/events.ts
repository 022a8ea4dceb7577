import { type EndpointOutput, followEvents, listEvents } from '@entrepot/platform-api';
import type { Command } from 'commander';
import { allPages } from '../client/pages.js';
import { type CommandContext, print } from '../context.js';
import { UsageError } from '../exit-code.js';
import { collect, listHelp, readFilters } from '../options.js';
import { compileTemplate } from '../template/template.js';
import { readMoment } from './moment.js';

type Event = EndpointOutput<typeof followEvents>;

interface EventsOptions {
  filter: string[];
  since?: string;
  until?: string;
  format?: string;
  json?: boolean;
}

export function addEvents(program: Command, context: CommandContext): void {
  program
    .command('events')
    .description('follow what happens until Ctrl-C; with --until, list what happened')
    .option('-f, --filter <filter>', 'type, event, subject, caller as name=value; several times', collect, [])
    .option('--since <time>', 'begin there: RFC 3339, unix seconds, or a duration like 10m')
    .option('--until <time>', 'end there, likewise')
    .option('--format <template>', 'a Go template, or "json"')
    .option('--json', 'print one JSON object a line')
    .addHelpText('after', examples)
    .action(async (options: EventsOptions) => {
      const show = printer(context, options);
      for await (const event of options.until === undefined ? follow(context, options) : past(context, options))
        await show(event);
    });
}

const examples = `
Examples:
  entrepot events                             what happens, until Ctrl-C
  entrepot events --since 24h --until 0s -f type=image -f event=pull`;

function query({ filter }: EventsOptions): { type?: string[]; action?: string[]; subject?: string; caller?: string } {
  const filters = readFilters(filter, ['type', 'event', 'subject', 'caller']);
  return {
    type: filters.type,
    action: filters.event,
    subject: filters.subject?.at(-1),
    caller: filters.caller?.at(-1),
  };
}

async function* follow(context: CommandContext, options: EventsOptions): AsyncGenerator<Event> {
  const since = options.since && readMoment(options.since).toISOString();
  try {
    const input = { query: { ...query(options), since } };
    for await (const { data } of context.client().events(followEvents, input, { signal: context.signal })) yield data;
  } catch (error) {
    if (!context.signal.aborted) throw error;
  }
}

/** Oldest first, as they would have been followed. */
async function* past(context: CommandContext, options: EventsOptions): AsyncGenerator<Event> {
  const until = readMoment(options.until as string).toISOString();
  const since = options.since && readMoment(options.since).toISOString();
  const found: Event[] = [];
  const read = (page: { cursor?: string; limit: number }) =>
    context.client().call(listEvents, { query: { ...query(options), since, until, ...page } }, context.signal);
  for await (const event of allPages(read)) found.push(event);
  yield* found.reverse();
}

function printer(context: CommandContext, { format, json }: EventsOptions): (event: Event) => Promise<void> {
  if (json || format === 'json') return (event) => print(context, `${JSON.stringify(event)}\n`);
  if (format?.startsWith('table')) throw new UsageError(`--format: events have no table; ${listHelp.format}`);
  const template = format === undefined ? null : compileTemplate(format);
  return (event) => print(context, `${template ? template.execute(fieldsOf(event)) : line(event)}\n`);
}

function fieldsOf(event: Event): Record<string, unknown> {
  return {
    ID: String(event.id),
    Time: event.at,
    Type: event.type,
    Action: event.action,
    Subject: event.subject,
    Caller: event.caller ?? '',
    Change: event.change,
    Attributes: event.attributes,
  };
}

function line({ at, type, action, subject, caller, attributes }: Event): string {
  const more = Object.entries(attributes).map(([key, value]) => `${key}=${value}`);
  const details = [...(caller === null ? [] : [`by ${caller}`]), ...more].join(', ');
  return `${at} ${type} ${action} ${subject}${details ? ` (${details})` : ''}`;
}
