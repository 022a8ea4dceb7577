import type { Command } from 'commander';
import type { CommandContext } from '../context.js';
import { UsageError } from '../exit-code.js';
import { saveToFile, saveToStream } from '../transfer/download.js';

interface SaveOptions {
  output?: string;
  platform?: string;
  quiet?: boolean;
}

export function addSave(program: Command, context: CommandContext): void {
  program
    .command('save <image...>')
    .description('write images as one archive that docker, podman, skopeo and containerd load')
    .option('-o, --output <file>', 'write to this file; a save that was cut goes on where it ended')
    .option('--platform <platform>', 'only this platform, as linux/arm64')
    .option('-q, --quiet', 'show no progress')
    .addHelpText('after', examples)
    .action(async (names: string[], { output, platform, quiet }: SaveOptions) => {
      const path = archivePath(names, platform);
      if (output !== undefined) return saveToFile(context, path, output, quiet);
      if (context.stdout.isTTY) throw new UsageError('an archive is not written to a terminal; use --output or a pipe');
      await saveToStream(context, path);
    });
}

const examples = `
Examples:
  entrepot save -o images.tar redis:7 nginx   called again after a cut, it goes on where it ended
  entrepot save redis:7 | docker load`;

function archivePath(names: readonly string[], platform: string | undefined): string {
  const query = new URLSearchParams(names.map((name): [string, string] => ['names', name]));
  if (platform !== undefined) query.set('platform', platformJson(platform));
  return `/images/get?${query}`;
}

/** The Engine API takes a platform as the OCI writes it. */
function platformJson(text: string): string {
  const [os, architecture, variant] = text.split('/');
  if (!os || !architecture)
    throw new UsageError(`${JSON.stringify(text)} is no platform: expected one like linux/arm64`);
  return JSON.stringify({ os, architecture, ...(variant && { variant }) });
}
