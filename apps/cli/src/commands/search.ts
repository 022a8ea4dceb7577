import { type EndpointOutput, searchImages } from '@entrepot/platform-api';
import type { Command } from 'commander';
import { type CommandContext, print } from '../context.js';
import { ellipsis } from '../names.js';
import { booleanFilter, collect, listHelp, numberFilter, readFilters, wholeNumber } from '../options.js';
import { formatList, type ListOptions, type ListShape } from '../output/list.js';

type Result = EndpointOutput<typeof searchImages>['results'][number];

interface SearchOptions extends ListOptions {
  filter: string[];
  limit?: number;
  trunc: boolean;
}

export function addSearch(program: Command, context: CommandContext): void {
  program
    .command('search <term>')
    .description('search the upstream registries in their order, then what is here; HOST/TERM asks one registry')
    .option('-f, --filter <filter>', 'stars, is-official, is-automated as name=value; several times', collect, [])
    .option('--limit <number>', 'results of each source, 25 when not said', wholeNumber(1))
    .option('--format <template>', listHelp.format)
    .option('--no-trunc', listHelp.noTrunc)
    .option('-q, --quiet', 'only print names')
    .option('--json', listHelp.json)
    .addHelpText('after', examples)
    .action(async (term: string, options: SearchOptions) => {
      const filters = readFilters(options.filter, ['stars', 'is-official', 'is-automated']);
      const query = {
        term,
        limit: options.limit,
        stars: numberFilter(filters, 'stars'),
        isOfficial: booleanFilter(filters, 'is-official'),
        isAutomated: booleanFilter(filters, 'is-automated'),
      };
      const { results, warnings } = await context.client().call(searchImages, { query }, context.signal);
      for (const { source, message } of warnings) context.stderr.write(`warning: ${source}: ${message}\n`);
      await print(context, formatList(results, searchShape(options), options));
    });
}

const examples = `
Examples:
  entrepot search redis
  entrepot search -f is-official=true --limit 5 redis
  entrepot search registry.example.com/api    asks that registry alone`;

function searchShape({ trunc }: SearchOptions): ListShape<Result> {
  return {
    row: ({ name, description, stars, isOfficial, isAutomated, sources, tags }) => {
      const line = description.replaceAll(/\s+/g, ' ').trim();
      return {
        Name: name,
        Description: trunc ? ellipsis(line, 45) : line,
        StarCount: String(stars),
        IsOfficial: isOfficial ? '[OK]' : '',
        IsAutomated: isAutomated ? '[OK]' : '',
        Source: sources.join(', '),
        Tags: String(tags),
      };
    },
    headers: {
      Name: 'NAME',
      Description: 'DESCRIPTION',
      StarCount: 'STARS',
      IsOfficial: 'OFFICIAL',
      IsAutomated: 'AUTOMATED',
      Source: 'SOURCE',
      Tags: 'TAGS HERE',
    },
    table: '{{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}\t{{.Source}}',
    quietField: 'Name',
  };
}
