import { type EndpointOutput, getDiskUsage } from '@entrepot/platform-api';
import type { Command } from 'commander';
import { type CommandContext, print } from '../context.js';
import { shortId } from '../names.js';
import { listHelp } from '../options.js';
import { alignColumns } from '../output/columns.js';
import { humanAge, humanSize } from '../output/human.js';
import { compileTemplate } from '../template/template.js';

type DiskUsage = EndpointOutput<typeof getDiskUsage>;

export function addDf(program: Command, context: CommandContext): void {
  program
    .command('df')
    .description('measure what the images take')
    .option('-v, --verbose', 'also image by image')
    .option('--format <template>', listHelp.format)
    .option('--json', 'print the answer of the API')
    .action(async ({ verbose, format, json }: { verbose?: boolean; format?: string; json?: boolean }) => {
      const template = format === undefined || format === 'json' ? null : compileTemplate(format);
      const usage = await context.client().call(getDiskUsage, { query: { verbose } }, context.signal);
      if (json || format === 'json') return print(context, `${JSON.stringify(usage, null, json ? 2 : 0)}\n`);
      if (template) return print(context, `${template.execute(fieldsOf(usage))}\n`);
      await print(context, totals(usage) + (usage.imageList ? `\n${imageTable(usage.imageList)}` : ''));
    });
}

function fieldsOf(usage: DiskUsage): Record<string, string> {
  return {
    Images: String(usage.images),
    LayersSize: humanSize(usage.layersBytes),
    Blobs: String(usage.blobs),
    StoredSize: humanSize(usage.storedBytes),
    Collectable: humanSize(usage.collectableBytes),
  };
}

function totals(usage: DiskUsage): string {
  return alignColumns([['IMAGES', 'UNPACKED', 'BLOBS', 'STORED', 'COLLECTABLE'], Object.values(fieldsOf(usage))]);
}

function imageTable(images: NonNullable<DiskUsage['imageList']>): string {
  const rows = images.map(({ id, tags, createdAt, sizeBytes, sharedBytes }) => [
    tags[0] ?? '<none>',
    shortId(id),
    humanAge(createdAt === null ? null : new Date(createdAt)),
    humanSize(sizeBytes, 3),
    humanSize(sharedBytes, 3),
    humanSize(sizeBytes - sharedBytes, 3),
  ]);
  return alignColumns([['IMAGE', 'IMAGE ID', 'CREATED', 'SIZE', 'SHARED', 'UNIQUE'], ...rows]);
}
