import { getImage } from '@entrepot/platform-api';
import type { Command } from 'commander';
import { type CommandContext, print } from '../context.js';
import { listHelp, platformHelp } from '../options.js';
import { compileTemplate } from '../template/template.js';
import { eachName } from './each-name.js';

interface InspectOptions {
  format?: string;
  platform?: string;
  json?: boolean;
}

export function addInspect(program: Command, context: CommandContext): void {
  program
    .command('inspect <image...>')
    .description('print all that is known of images, as `docker image inspect` has it')
    .option('-f, --format <template>', listHelp.format)
    .option('--platform <platform>', platformHelp)
    .option('--json', 'print the answer of the API instead, which knows more')
    .addHelpText('after', examples)
    .action(async (names: string[], { format, platform, json }: InspectOptions) => {
      const template = format === undefined || format === 'json' ? null : compileTemplate(format);
      const found: object[] = [];
      const inspect = async (name: string): Promise<void> => {
        const image = await context.client().call(getImage, { params: { name }, query: { platform } }, context.signal);
        const shown = json ? image : image.docker;
        if (template) await print(context, `${template.execute(shown)}\n`);
        else if (format === 'json') await print(context, `${JSON.stringify(shown)}\n`);
        else found.push(shown);
      };
      const end = (): Promise<void> =>
        format === undefined ? print(context, `${JSON.stringify(found, null, 4)}\n`) : Promise.resolve();
      await eachName(context, names, inspect, end);
    });
}

const examples = `
Examples:
  entrepot inspect redis:7
  entrepot inspect -f '{{.Os}}/{{.Architecture}}' redis:7
  entrepot inspect --json redis:7             with its digests, layers and signatures`;
