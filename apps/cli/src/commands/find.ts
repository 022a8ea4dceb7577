import { type EndpointOutput, findImages } from '@entrepot/platform-api';
import type { Command } from 'commander';
import { type CommandContext, print } from '../context.js';
import { UsageError } from '../exit-code.js';
import { shortId } from '../names.js';
import { listHelp, wholeNumber } from '../options.js';
import { formatList, type ListOptions, type ListShape } from '../output/list.js';

type Found = EndpointOutput<typeof findImages>['items'][number];

interface FindOptions extends ListOptions {
  path?: string;
  glob?: string;
  sha256?: string;
  layer?: string;
  base?: string;
  label?: string;
  package?: string;
  limit: number;
}

export function addFind(program: Command, context: CommandContext): void {
  program
    .command('find')
    .description('find images by what is in them; everything that is given must hold')
    .option('--path <path>', 'one path, as /etc/passwd')
    .option('--glob <glob>', 'file names, as libssl.so*; with a slash paths, ** for any depth')
    .option('--sha256 <hash>', 'of the content of a file')
    .option('--layer <digest>', 'a layer as stored, or its diff id')
    .option('--base <image>', 'an image they stand on')
    .option('--label <label>', 'key or key=value')
    .option('--package <package>', 'as deb:openssl>=3.0.0,<3.0.15, apk:musl, npm:lodash<4.17.21, or only a name')
    .option('--limit <number>', 'at most so many', wholeNumber(1), 100)
    .option('--format <template>', listHelp.format)
    .option('-q, --quiet', 'only print ids')
    .option('--json', listHelp.json)
    .action(async ({ limit, format, quiet, json, ...wanted }: FindOptions) => {
      if (Object.keys(wanted).length === 0) throw new UsageError('say what is in them; --help lists what can be asked');
      const items: Found[] = [];
      let cursor: string | undefined;
      do {
        const query = { ...wanted, cursor, limit: Math.min(limit - items.length, 1000) };
        const page = await context.client().call(findImages, { query }, context.signal);
        items.push(...page.items);
        cursor = page.nextCursor ?? undefined;
        if (!page.complete && cursor === undefined) {
          context.stderr.write('warning: not everything could be searched; some layers are not analysed yet\n');
        }
      } while (cursor !== undefined && items.length < limit);
      await print(context, formatList(items, foundShape, { format, quiet, json }));
    });
}

const foundShape: ListShape<Found> = {
  row: ({ id, tags, platform, matches }) => ({
    ID: shortId(id),
    Tags: tags.join(', ') || '<none>',
    Platform: platform,
    Matches: matches.join(', '),
  }),
  headers: { ID: 'IMAGE ID', Tags: 'TAGS', Platform: 'PLATFORM', Matches: 'MATCHES' },
  table: '{{.ID}}\t{{.Tags}}\t{{.Platform}}\t{{.Matches}}',
  quietField: 'ID',
};
