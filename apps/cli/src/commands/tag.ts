import { tagImage } from '@entrepot/platform-api';
import type { Command } from 'commander';
import type { CommandContext } from '../context.js';

export function addTag(program: Command, context: CommandContext): void {
  program
    .command('tag <image> <name>')
    .description('give an image another name; a tag that points elsewhere moves')
    .action(async (image: string, name: string) => {
      await context.client().call(tagImage, { params: { name: image }, body: { name } }, context.signal);
    });
}
