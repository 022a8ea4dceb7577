import { type EndpointOutput, getBatch, planPull, startPull } from '@entrepot/platform-api';
import { type Command, Option } from 'commander';
import { type CommandContext, print } from '../context.js';
import { UsageError } from '../exit-code.js';
import { humanSize, shortDuration } from '../output/human.js';
import { formatList } from '../output/list.js';
import { type BatchItem, itemShape, readItems } from './batch.js';
import { followBatchToEnd } from './follow-batch.js';
import { type FollowOptions, followPullToEnd } from './follow-pull.js';
import { pullAllTags } from './pull-all-tags.js';
import { startBatch } from './start-batch.js';

/** What `pull` may be told. */
export interface PullOptions {
  file?: string;
  allTags?: boolean;
  platform?: string;
  dryRun?: boolean;
  priority?: 'low' | 'normal' | 'high';
  owner?: string;
  disableContentTrust?: boolean;
  quiet?: boolean;
  detach?: boolean;
  onInterrupt?: FollowOptions['onInterrupt'];
  json?: boolean;
}

type Plan = NonNullable<EndpointOutput<typeof getBatch>['plan']>;

export function addPull(program: Command, context: CommandContext): void {
  program
    .command('pull [image...]')
    .description('pull images; several, or those of a file, become one batch')
    .option('-f, --file <file>', 'one reference a line, or YAML; - is standard input')
    .option('-a, --all-tags', 'every tag of a repository')
    .option('--platform <platform>', 'as linux/arm64; default the platform of the server')
    .option('-n, --dry-run', 'only say what would be fetched')
    .addOption(new Option('--priority <priority>', 'of a batch').choices(['low', 'normal', 'high']))
    .option('--owner <name>', 'who a batch is for, where no token says it')
    .option('--disable-content-trust', 'pull whatever the trust policy says of signatures; for admins, and remembered')
    .option('-q, --quiet', 'only print names at the end')
    .option('-d, --detach', 'only start it, and print its id')
    .addOption(
      new Option('--on-interrupt <what>', 'what Ctrl-C does to what runs; a batch goes on when not said').choices([
        'cancel',
        'detach',
      ]),
    )
    .option('--json', 'print the answer of the API at the end')
    .addHelpText('after', examples)
    .action(async (images: string[], options: PullOptions) => {
      if ((options.file === undefined) === (images.length === 0))
        throw new UsageError('name images, or a file of them');
      const isBatch = images.length > 1 || options.file !== undefined;
      if (options.allTags) {
        if (isBatch || options.dryRun || options.detach)
          throw new UsageError('--all-tags is for one repository, at once');
        return pullAllTags(context, images[0] as string, options);
      }
      if (isBatch) return pullMany(context, images, options);
      return options.dryRun
        ? planOne(context, images[0] as string, options)
        : pullOne(context, images[0] as string, options);
    });
}

const examples = `
Examples:
  entrepot pull redis:7
  entrepot pull --dry-run -f images.txt    what it would fetch, and how long that takes
  entrepot pull -f images.txt              exit code 3 when only some of them failed`;

async function pullOne(context: CommandContext, reference: string, options: PullOptions): Promise<void> {
  const body = { reference, platform: options.platform, disableContentTrust: options.disableContentTrust };
  const { id } = await context.client().call(startPull, { body }, context.signal);
  if (options.detach) return print(context, `${id}\n`);
  const end = await followPullToEnd(context, id, {
    quiet: options.quiet,
    onInterrupt: options.onInterrupt ?? 'cancel',
  });
  if (options.json) return print(context, `${JSON.stringify(end, null, 2)}\n`);
  if (options.quiet) return print(context, `${reference}\n`);
  const status = end.outcome === 'downloaded' ? 'Downloaded newer image for' : 'Image is up to date for';
  await print(context, `Digest: ${end.targetDigest}\nStatus: ${status} ${reference}\n`);
}

async function planOne(context: CommandContext, reference: string, { platform, json }: PullOptions): Promise<void> {
  const planned = await context.client().call(planPull, { body: { reference, platform } }, context.signal);
  if (json) return print(context, `${JSON.stringify(planned, null, 2)}\n`);
  await print(context, planText([planned.item], planned.plan));
}

async function pullMany(context: CommandContext, images: string[], options: PullOptions): Promise<void> {
  const { id } = await startBatch(context, images, options);
  if (options.detach) return print(context, `${id}\n`);
  const follow = { quiet: options.quiet, onInterrupt: options.onInterrupt ?? 'detach' } as const;
  let failure: unknown = null;
  try {
    await followBatchToEnd(context, id, follow);
  } catch (error) {
    if (context.signal.aborted) throw error;
    failure = error;
  }
  await report(context, id, options);
  if (failure) throw failure;
}

/** What became of every item; the reasons of those that failed go to standard error. */
async function report(context: CommandContext, id: string, { dryRun, quiet, json }: PullOptions): Promise<void> {
  const batch = await context.client().call(getBatch, { params: { id } }, context.signal);
  const items = await readItems(context, id);
  if (json) return print(context, `${JSON.stringify({ batch, items }, null, 2)}\n`);
  if (dryRun && batch.plan) return print(context, planText(items, batch.plan));
  for (const { reference, reason } of items.filter(({ state }) => state === 'failed')) {
    context.stderr.write(`${reference}: ${reason?.message ?? 'failed'}\n`);
  }
  const done = items.filter(({ state }) => state === 'done');
  await print(
    context,
    done.map(({ reference, outcome }) => (quiet ? `${reference}\n` : `${reference}: ${outcome}\n`)).join(''),
  );
}

/** The items, and one line about all of them. */
function planText(items: BatchItem[], plan: Plan): string {
  return `${formatList(items, itemShape, {})}${planLine(plan)}\n`;
}

function planLine({ layers, layersHere, missingBytes, totalBytes, seconds, hosts }: Plan): string {
  const time = seconds === null ? '' : `, about ${shortDuration(seconds * 1000)} at the recent speed`;
  const quotas = hosts.flatMap(({ host, manifestRequests, quota }) =>
    quota ? [`\n${host}: ${manifestRequests} of ${quota.remaining} pulls that are left until ${quota.resetsAt}`] : [],
  );
  const bytes = `${humanSize(missingBytes)} of ${humanSize(totalBytes)} to fetch (${missingBytes} bytes)`;
  return `${layersHere} of ${layers} layers are here, ${bytes}${time}${quotas.join('')}`;
}
