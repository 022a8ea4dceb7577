import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { downloadPath, readFile, requestOf } from '@entrepot/platform-api';
import type { Command } from 'commander';
import type { CommandContext } from '../context.js';
import { UsageError } from '../exit-code.js';
import { layerHelp, platformHelp, wholeNumber } from '../options.js';

interface CatOptions {
  platform?: string;
  layer?: number;
  tar?: boolean;
  output?: string;
}

export function addCat(program: Command, context: CommandContext): void {
  program
    .command('cat <image> <path>')
    .description('print a file inside an image; with --tar, a file or a folder as a tar')
    .option('--layer <number>', layerHelp, wholeNumber(0))
    .option('--platform <platform>', platformHelp)
    .option('--tar', 'as a tar, which folders need')
    .option('-o, --output <file>', 'write to this file')
    .action(async (name: string, path: string, { platform, layer, tar, output }: CatOptions) => {
      if (tar && output === undefined && context.stdout.isTTY)
        throw new UsageError('a tar is not written to a terminal');
      const request = requestOf(tar ? downloadPath : readFile, { params: { name }, query: { platform, layer, path } });
      const { body } = await context.client().open(request, { signal: context.signal });
      if (output !== undefined) await pipeline(body, createWriteStream(output), { signal: context.signal });
      else await pipeline(body, context.stdout, { signal: context.signal, end: false });
    });
}
