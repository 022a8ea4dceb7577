import {
  cancelBatch,
  changeBatch,
  type EndpointOutput,
  getBatch,
  listBatches,
  listBatchItems,
  pauseBatch,
  resumeBatch,
  retryBatch,
} from '@entrepot/platform-api';
import { type Command, Option } from 'commander';
import { readAll } from '../client/pages.js';
import { type CommandContext, print } from '../context.js';
import { listHelp, wholeNumber } from '../options.js';
import { humanAge, humanSize } from '../output/human.js';
import { formatList, type ListOptions, type ListShape } from '../output/list.js';
import { followBatchToEnd } from './follow-batch.js';

type Batch = EndpointOutput<typeof getBatch>;
/** One item with what became of it. */
export type BatchItem = EndpointOutput<typeof listBatchItems>['items'][number];

export function addBatch(program: Command, context: CommandContext): void {
  const batch = program.command('batch').description('list, follow and steer batches; `pull --file` starts one');
  addLists(batch, context);
  batch
    .command('follow <id>')
    .description('show a batch until it ends; Ctrl-C leaves it running')
    .option('-q, --quiet', 'only say how it ended, by the exit code')
    .action(async (id: string, { quiet }: { quiet?: boolean }) => {
      await followBatchToEnd(context, id, { quiet, onInterrupt: 'detach' });
    });
  addSteering(batch, context);
}

function addLists(batch: Command, context: CommandContext): void {
  batch
    .command('ls', { isDefault: true })
    .description('list batches, newest first')
    .option('--owner <name>', 'only those of this owner')
    .option('--limit <number>', 'at most so many', wholeNumber(1), 50)
    .option('--format <template>', listHelp.format)
    .option('-q, --quiet', 'only print ids')
    .option('--json', listHelp.json)
    .action(async ({ owner, limit, ...options }: ListOptions & { owner?: string; limit: number }) => {
      const read = (page: { cursor?: string; limit: number }) =>
        context.client().call(listBatches, { query: { owner, ...page } }, context.signal);
      await print(context, formatList(await readAll(read, limit), batchShape, options));
    });
  batch
    .command('show <id>')
    .description('list the items of a batch with what became of them')
    .addOption(
      new Option('--state <state>', 'only in this state').choices([
        'queued',
        'planned',
        'running',
        'done',
        'failed',
        'cancelled',
      ]),
    )
    .option('--format <template>', listHelp.format)
    .option('-q, --quiet', 'only print references')
    .option('--json', listHelp.json)
    .action(async (id: string, { state, ...options }: ListOptions & { state?: BatchItem['state'] }) => {
      await print(context, formatList(await readItems(context, id, state), itemShape, options));
    });
}

/** The items of a batch in their order. */
export function readItems(context: CommandContext, id: string, state?: BatchItem['state']): Promise<BatchItem[]> {
  return readAll((page) =>
    context.client().call(listBatchItems, { params: { id }, query: { state, ...page } }, context.signal),
  );
}

function addSteering(batch: Command, context: CommandContext): void {
  const client = () => context.client();
  const { signal } = context;
  const item = ['-i, --item <position>', 'only this item; several times', collectNumbers] as const;
  batch
    .command('retry <id>')
    .description('try again what failed')
    .option('--cancelled', 'what was cancelled, too')
    .option(...item)
    .action(async (id: string, options: { cancelled?: boolean; item?: number[] }) => {
      const body = { items: options.item, cancelled: options.cancelled };
      const { items } = await client().call(retryBatch, { params: { id }, body }, signal);
      await print(context, `${items} items are tried again\n`);
    });
  batch
    .command('cancel <id>')
    .description('cancel what has not ended')
    .option(...item)
    .action(async (id: string, options: { item?: number[] }) => {
      const { items } = await client().call(cancelBatch, { params: { id }, body: { items: options.item } }, signal);
      await print(context, `${items} items are cancelled\n`);
    });
  batch
    .command('pause <id>')
    .description('stop a batch for a while; what its transfers have brought is kept')
    .action(async (id: string) => void (await client().call(pauseBatch, { params: { id } }, signal)));
  batch
    .command('resume <id>')
    .description('let a paused batch go on')
    .action(async (id: string) => void (await client().call(resumeBatch, { params: { id } }, signal)));
  batch
    .command('priority <id> <priority>')
    .description('low, normal or high, for all of it or for some items')
    .option(...item)
    .action(async (id: string, priority: Batch['priority'], options: { item?: number[] }) => {
      await client().call(changeBatch, { params: { id }, body: { priority, items: options.item } }, signal);
    });
}

const position = wholeNumber(1);

function collectNumbers(text: string, before: number[] | undefined): number[] {
  return [...(before ?? []), position(text)];
}

const batchShape: ListShape<Batch> = {
  row: (batch) => ({
    ID: batch.id,
    Owner: batch.owner,
    State: batch.paused ? 'paused' : batch.state,
    Priority: batch.priority,
    Items: String(batch.itemCount),
    Done: String(batch.counts.done),
    Failed: String(batch.counts.failed),
    Missing: batch.plan ? humanSize(batch.plan.missingBytes, 3) : '',
    Created: humanAge(new Date(batch.createdAt)),
    Labels: batch.labels,
  }),
  headers: {
    ID: 'BATCH ID',
    Owner: 'OWNER',
    State: 'STATE',
    Priority: 'PRIORITY',
    Items: 'ITEMS',
    Done: 'DONE',
    Failed: 'FAILED',
    Missing: 'TO FETCH',
    Created: 'CREATED',
    Labels: 'LABELS',
  },
  table: '{{.ID}}\t{{.Owner}}\t{{.State}}\t{{.Items}}\t{{.Done}}\t{{.Failed}}\t{{.Missing}}\t{{.Created}}',
  quietField: 'ID',
};

/** How items are listed; also by a dry run. */
export const itemShape: ListShape<BatchItem> = {
  row: (item) => ({
    Position: String(item.position),
    Reference: item.reference,
    Platform: item.platform ?? '',
    State: item.state,
    Layers: item.layers === null ? '' : `${item.layersHere}/${item.layers}`,
    Missing: item.missingBytes === null ? '' : humanSize(item.missingBytes, 3),
    Size: item.totalBytes === null ? '' : humanSize(item.totalBytes, 3),
    Reason: item.reason?.message ?? '',
    Pull: item.pullId ?? '',
    Digest: item.targetDigest ?? '',
  }),
  headers: {
    Position: 'ITEM',
    Reference: 'REFERENCE',
    Platform: 'PLATFORM',
    State: 'STATE',
    Layers: 'LAYERS HERE',
    Missing: 'TO FETCH',
    Size: 'SIZE',
    Reason: 'REASON',
    Pull: 'PULL ID',
    Digest: 'DIGEST',
  },
  table: '{{.Position}}\t{{.Reference}}\t{{.State}}\t{{.Layers}}\t{{.Missing}}\t{{.Reason}}',
  quietField: 'Reference',
};
