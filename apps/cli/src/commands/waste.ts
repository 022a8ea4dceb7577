import { type EndpointOutput, measureWaste } from '@entrepot/platform-api';
import type { Command } from 'commander';
import { type CommandContext, print } from '../context.js';
import { platformHelp } from '../options.js';
import { alignColumns } from '../output/columns.js';
import { humanSize } from '../output/human.js';

type Waste = EndpointOutput<typeof measureWaste>;

export function addWaste(program: Command, context: CommandContext): void {
  program
    .command('waste <image>')
    .description('measure the bytes that layers overwrite, remove or hold twice, as dive counts them')
    .option('--max-waste <amount>', 'as 10% or 20MB; more of it ends with exit code 1')
    .option('--platform <platform>', platformHelp)
    .option('--json', 'print the answer of the API')
    .action(async (name: string, options: { maxWaste?: string; platform?: string; json?: boolean }) => {
      const query = { platform: options.platform, maxWaste: options.maxWaste, limit: 20 };
      const waste = await context.client().call(measureWaste, { params: { name }, query }, context.signal);
      await print(context, options.json ? `${JSON.stringify(waste, null, 2)}\n` : wasteText(waste));
      if (!waste.passes) throw new TooWastefulError(`${name} wastes more than ${options.maxWaste}`);
    });
}

function wasteText({ efficiency, wastedBytes, wastedPercent, userBytes, duplicateBytes, paths }: Waste): string {
  const lines = [
    `Efficiency:  ${(efficiency * 100).toFixed(2)} %`,
    `Wasted:      ${humanSize(wastedBytes)}, ${wastedPercent.toFixed(2)} % of ${humanSize(userBytes)} above the lowest layer`,
    `Duplicates:  ${humanSize(duplicateBytes)}`,
  ];
  const rows = paths.map((path) => [humanSize(path.wastedBytes, 3), String(path.layers), `/${path.path}`]);
  const table = rows.length > 0 ? `\n${alignColumns([['WASTED', 'LAYERS', 'PATH'], ...rows])}` : '';
  return `${lines.join('\n')}\n${table}`;
}

/** The image breaks the rule of `--max-waste`. */
class TooWastefulError extends Error {
  override readonly name = 'TooWastefulError';
  readonly code = 'TOO_WASTEFUL';
  readonly retryable = false;
}
