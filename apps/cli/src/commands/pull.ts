import { startPull } from '@entrepot/platform-api';
import type { Command } from 'commander';
import { type CommandContext, print } from '../context.js';
import { UsageError } from '../exit-code.js';
import { followPullToEnd } from './follow-pull.js';

interface PullOptions {
  platform?: string;
  quiet?: boolean;
  detach?: boolean;
}

export function addPull(program: Command, context: CommandContext): void {
  program
    .command('pull [image]')
    .description('pull an image')
    .option('--platform <platform>', 'as linux/arm64; default the platform of the server')
    .option('-q, --quiet', 'only print the name at the end')
    .option('-d, --detach', 'only start it, print its id; Ctrl-C leaves it running')
    .action(async (reference: string | undefined, options: PullOptions) => {
      if (reference === undefined) throw new UsageError('name an image');
      await pullOne(context, reference, options);
    });
}

async function pullOne(
  context: CommandContext,
  reference: string,
  { platform, quiet, detach }: PullOptions,
): Promise<void> {
  const { id } = await context.client().call(startPull, { body: { reference, platform } }, context.signal);
  if (detach) return print(context, `${id}\n`);
  const end = await followPullToEnd(context, id, { quiet, onInterrupt: 'cancel' });
  if (quiet) return print(context, `${reference}\n`);
  const status = end.outcome === 'downloaded' ? 'Downloaded newer image for' : 'Image is up to date for';
  await print(context, `Digest: ${end.targetDigest}\nStatus: ${status} ${reference}\n`);
}
