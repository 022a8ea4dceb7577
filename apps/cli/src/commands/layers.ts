import { type EndpointOutput, listImageLayers } from '@entrepot/platform-api';
import type { Command } from 'commander';
import { type CommandContext, print } from '../context.js';
import { ellipsis, shortId } from '../names.js';
import { listHelp, platformHelp } from '../options.js';
import { humanSize } from '../output/human.js';
import { formatList, type ListOptions, type ListShape } from '../output/list.js';

type Layer = EndpointOutput<typeof listImageLayers>['layers'][number];

interface LayersOptions extends ListOptions {
  platform?: string;
  trunc: boolean;
}

export function addLayers(program: Command, context: CommandContext): void {
  program
    .command('layers <image>')
    .description('list the layers of an image, lowest first: what made them, what they do, who shares them')
    .option('--platform <platform>', platformHelp)
    .option('--format <template>', listHelp.format)
    .option('--no-trunc', listHelp.noTrunc)
    .option('-q, --quiet', 'only print digests')
    .option('--json', listHelp.json)
    .action(async (name: string, options: LayersOptions) => {
      const input = { params: { name }, query: { platform: options.platform } };
      const { layers } = await context.client().call(listImageLayers, input, context.signal);
      await print(context, formatList(layers, layerShape(options), options));
    });
}

function layerShape({ trunc }: LayersOptions): ListShape<Layer> {
  return {
    row: ({ digest, diffId, mediaType, createdBy, sizeBytes, contentBytes, changes, sharedBy }) => ({
      Digest: trunc ? shortId(digest) : digest,
      DiffID: diffId ?? '',
      MediaType: mediaType,
      CreatedBy: trunc ? ellipsis(createdBy.replaceAll(/\s+/g, ' '), 45) : createdBy,
      Stored: humanSize(sizeBytes, 3),
      Size: contentBytes === null ? '' : humanSize(contentBytes, 3),
      Entries: String(changes.entries),
      Changes: `+${changes.added} ~${changes.changed} -${changes.deleted}`,
      SharedBy: String(sharedBy),
    }),
    headers: {
      Digest: 'LAYER',
      DiffID: 'DIFF ID',
      MediaType: 'MEDIA TYPE',
      CreatedBy: 'CREATED BY',
      Stored: 'STORED',
      Size: 'SIZE',
      Entries: 'ENTRIES',
      Changes: 'CHANGES',
      SharedBy: 'SHARED BY',
    },
    table: '{{.Digest}}\t{{.Stored}}\t{{.Size}}\t{{.Entries}}\t{{.Changes}}\t{{.SharedBy}}\t{{.CreatedBy}}',
    quietField: 'Digest',
  };
}
