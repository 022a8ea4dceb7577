import { type EndpointOutput, listTree } from '@entrepot/platform-api';
import type { Command } from 'commander';
import { readAll } from '../client/pages.js';
import { type CommandContext, print } from '../context.js';
import { layerHelp, listHelp, platformHelp, wholeNumber } from '../options.js';
import { formatList, type ListOptions, type ListShape } from '../output/list.js';

type Entry = EndpointOutput<typeof listTree>['items'][number];

interface LsOptions extends ListOptions {
  platform?: string;
  layer?: number;
}

export function addLs(program: Command, context: CommandContext): void {
  program
    .command('ls <image> [path]')
    .description('list a folder inside an image')
    .option('--layer <number>', layerHelp, wholeNumber(0))
    .option('--platform <platform>', platformHelp)
    .option('--format <template>', listHelp.format)
    .option('-q, --quiet', 'only print names')
    .option('--json', listHelp.json)
    .action(async (name: string, path: string | undefined, options: LsOptions) => {
      const query = { platform: options.platform, layer: options.layer, path };
      const read = (page: { cursor?: string; limit: number }) =>
        context.client().call(listTree, { params: { name }, query: { ...query, ...page } }, context.signal);
      await print(context, formatList(await readAll(read), entryShape, options));
    });
}

const typeLetters: Record<Entry['type'], string> = {
  file: '-',
  link: '-',
  directory: 'd',
  symlink: 'l',
  'character-device': 'c',
  'block-device': 'b',
  fifo: 'p',
};

const entryShape: ListShape<Entry> = {
  row: (entry) => ({
    Mode: typeLetters[entry.type] + modeText(entry.mode),
    Owner: `${entry.uid}:${entry.gid}`,
    Size: String(entry.sizeBytes),
    Modified: entry.modifiedAt,
    Name: entry.linkTarget !== null && entry.type === 'symlink' ? `${entry.name} -> ${entry.linkTarget}` : entry.name,
    Path: entry.path,
    Layer: entry.layer === null ? '' : String(entry.layer),
    SHA256: entry.sha256 ?? '',
  }),
  headers: {
    Mode: 'MODE',
    Owner: 'OWNER',
    Size: 'SIZE',
    Modified: 'MODIFIED',
    Name: 'NAME',
    Path: 'PATH',
    Layer: 'LAYER',
    SHA256: 'SHA256',
  },
  table: '{{.Mode}}\t{{.Owner}}\t{{.Size}}\t{{.Modified}}\t{{.Layer}}\t{{.Name}}',
  quietField: 'Name',
};

/** `rwxr-xr-x`, with setuid, setgid and sticky as `ls` shows them. */
export function modeText(mode: number): string {
  const letters = [...'rwxrwxrwx'].map((letter, at) => (mode & (0o400 >> at) ? letter : '-'));
  for (const [bit, at, letter] of [
    [0o4000, 2, 's'],
    [0o2000, 5, 's'],
    [0o1000, 8, 't'],
  ] as const) {
    if (mode & bit) letters[at] = letters[at] === 'x' ? letter : letter.toUpperCase();
  }
  return letters.join('');
}
