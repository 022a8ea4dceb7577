import { type EndpointOutput, removeImage } from '@entrepot/platform-api';
import type { Command } from 'commander';
import { type CommandContext, print } from '../context.js';
import { collect } from '../options.js';
import { humanSize } from '../output/human.js';
import { eachName } from './each-name.js';

type Removal = EndpointOutput<typeof removeImage>;

interface RmiOptions {
  force?: boolean;
  prune: boolean;
  platform: string[];
  dryRun?: boolean;
  json?: boolean;
}

export function addRmi(program: Command, context: CommandContext): void {
  program
    .command('rmi <image...>')
    .description('remove names, and images with their last one')
    .option('-f, --force', 'also an image with several names, or in use')
    .option('--no-prune', 'leave untagged parents')
    .option('--platform <platform>', 'only what is here of this platform; several times', collect, [])
    .option('-n, --dry-run', 'only say what would go, and how many bytes that would free')
    .option('--json', 'print one JSON array')
    .addHelpText('after', examples)
    .action(async (names: string[], { force, prune, platform, dryRun, json }: RmiOptions) => {
      const removals: Removal[] = [];
      const remove = async (name: string): Promise<void> => {
        const query = { force, noPrune: !prune, platform, dryRun };
        const removal = await context.client().call(removeImage, { params: { name }, query }, context.signal);
        removals.push(removal);
        if (!json) await print(context, removalText(removal));
      };
      await eachName(context, names, remove, () =>
        json ? print(context, `${JSON.stringify(removals, null, 2)}\n`) : print(context, ''),
      );
    });
}

const examples = `
Examples:
  entrepot rmi redis:7
  entrepot rmi -n redis:7                     what it would free, to the byte
  entrepot rmi $(entrepot images -q -f dangling=true)`;

/** In docker's words; the bytes only where nothing was removed yet. */
export function removalText({ lines, dryRun, freedBytes }: Removal): string {
  const told = lines.map((line) =>
    'untagged' in line ? `Untagged: ${line.untagged}\n` : `Deleted: ${line.deleted}\n`,
  );
  return told.join('') + (dryRun ? `Would free ${humanSize(freedBytes)}\n` : '');
}
