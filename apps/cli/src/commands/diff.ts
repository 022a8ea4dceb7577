import { compareImages, type EndpointOutput } from '@entrepot/platform-api';
import type { Command } from 'commander';
import { readAll } from '../client/pages.js';
import { type CommandContext, print } from '../context.js';
import { listHelp, platformHelp } from '../options.js';
import { formatList, type ListOptions, type ListShape } from '../output/list.js';

type Change = EndpointOutput<typeof compareImages>['items'][number];

export function addDiff(program: Command, context: CommandContext): void {
  program
    .command('diff <image> <other>')
    .description('list how two images differ, file by file: A only in the other, C changed, D only in the first')
    .option('--platform <platform>', platformHelp)
    .option('--format <template>', listHelp.format)
    .option('-q, --quiet', 'only print paths')
    .option('--json', listHelp.json)
    .action(async (name: string, to: string, { platform, ...options }: ListOptions & { platform?: string }) => {
      const read = (page: { cursor?: string; limit: number }) => {
        const query = { to, platform, toPlatform: platform, ...page };
        return context.client().call(compareImages, { params: { name }, query }, context.signal);
      };
      const lines = { format: '{{.Kind}} {{.Path}}{{if .What}} ({{.What}}){{end}}', ...options };
      await print(context, formatList(await readAll(read), changeShape, options.quiet ? options : lines));
    });
}

const kinds: Record<Change['kind'], string> = { added: 'A', changed: 'C', deleted: 'D' };

const changeShape: ListShape<Change> = {
  row: ({ kind, path, what, before, after }) => ({
    Kind: kinds[kind],
    Path: `/${path}`,
    What: what.join(', '),
    Before: before,
    After: after,
  }),
  headers: { Kind: 'KIND', Path: 'PATH', What: 'WHAT' },
  table: '{{.Kind}}\t{{.Path}}\t{{.What}}',
  quietField: 'Path',
};
