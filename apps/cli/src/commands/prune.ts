import { pruneImages } from '@entrepot/platform-api';
import type { Command } from 'commander';
import { type CommandContext, print } from '../context.js';
import { UsageError } from '../exit-code.js';
import { collect, readFilters } from '../options.js';
import { humanSize } from '../output/human.js';
import { confirm } from './confirm.js';
import { removalText } from './rmi.js';

interface PruneOptions {
  all?: boolean;
  force?: boolean;
  filter: string[];
  dryRun?: boolean;
  json?: boolean;
}

export function addPrune(program: Command, context: CommandContext): void {
  program
    .command('prune')
    .description('remove images that nobody names')
    .option('-a, --all', 'also images with a tag')
    .option('-f, --force', 'do not ask')
    .option('--filter <filter>', 'until, label, label! as name=value; several times', collect, [])
    .option('-n, --dry-run', 'only say what would go, and how many bytes that would free')
    .option('--json', 'print the answer of the API')
    .addHelpText('after', examples)
    .action(async ({ all, force, filter, dryRun, json }: PruneOptions) => {
      const filters = readFilters(filter, ['until', 'label', 'label!']);
      const which = all ? 'all images' : 'all images without a tag';
      if (!force && !dryRun && !(await confirm(context, `This removes ${which}. Continue?`))) {
        throw new UsageError('nothing was removed');
      }
      const body = { all, dryRun, until: filters.until?.at(-1), label: filters.label, notLabel: filters['label!'] };
      const removal = await context.client().call(pruneImages, { body }, context.signal);
      if (json) return print(context, `${JSON.stringify(removal, null, 2)}\n`);
      const total = dryRun ? '' : `Freed ${humanSize(removal.freedBytes)}\n`;
      await print(context, `${removalText(removal)}${total}`);
    });
}

const examples = `
Examples:
  entrepot prune -n                           what it would free
  entrepot prune -a -f --filter until=720h    all that no container uses and that is older than 30 days`;
