import { type EndpointOutput, getImageHistory } from '@entrepot/platform-api';
import type { Command } from 'commander';
import { type CommandContext, print } from '../context.js';
import { ellipsis, shortId } from '../names.js';
import { listHelp, platformHelp } from '../options.js';
import { humanAge, humanSize } from '../output/human.js';
import { formatList, type ListOptions, type ListShape } from '../output/list.js';

type Step = EndpointOutput<typeof getImageHistory>['steps'][number];

interface HistoryOptions extends ListOptions {
  human: boolean | string;
  trunc: boolean;
  platform?: string;
}

export function addHistory(program: Command, context: CommandContext): void {
  program
    .command('history <image>')
    .description('list the steps of how an image was built, newest first')
    .option('-H, --human [yes]', 'sizes and dates for people; =false for bytes and RFC 3339', true)
    .option('--format <template>', listHelp.format)
    .option('--no-trunc', listHelp.noTrunc)
    .option('-q, --quiet', 'only print ids')
    .option('--platform <platform>', platformHelp)
    .option('--json', listHelp.json)
    .action(async (name: string, options: HistoryOptions) => {
      const query = { platform: options.platform };
      const { steps } = await context.client().call(getImageHistory, { params: { name }, query }, context.signal);
      await print(context, formatList(steps, historyShape(options), options));
    });
}

function historyShape({ trunc, human }: HistoryOptions): ListShape<Step> {
  const forPeople = human !== 'false';
  return {
    row: ({ imageId, createdAt, createdBy, comment, sizeBytes, tags }) => {
      const at = createdAt === null ? null : new Date(createdAt);
      const by = createdBy.replaceAll('\t', ' ');
      const id = imageId ?? '<missing>';
      return {
        ID: trunc && imageId !== null ? shortId(id) : id,
        CreatedSince: forPeople ? humanAge(at) : (createdAt ?? 'N/A'),
        CreatedAt: createdAt ?? 'N/A',
        CreatedBy: trunc ? ellipsis(by, 45) : by,
        Size: forPeople ? humanSize(sizeBytes, 3) : String(sizeBytes),
        Comment: comment,
        Tags: tags.join(', '),
      };
    },
    headers: {
      ID: 'IMAGE',
      CreatedSince: 'CREATED',
      CreatedAt: 'CREATED AT',
      CreatedBy: 'CREATED BY',
      Size: 'SIZE',
      Comment: 'COMMENT',
      Tags: 'TAGS',
    },
    table: '{{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}',
    quietField: 'ID',
  };
}
