import type { Command } from 'commander';
import { completionScript, type Shell, shells } from '../completion/scripts.js';
import { collectWords } from '../completion/words.js';
import { type CommandContext, print } from '../context.js';
import { UsageError } from '../exit-code.js';

export function addCompletion(program: Command, context: CommandContext): void {
  program
    .command('completion <shell>')
    .description(`print a completion script for ${shells.join(', ')}`)
    .addHelpText('after', '\nExamples:\n  source <(entrepot completion bash)\n  entrepot completion fish | source')
    .action(async (shell: string) => {
      if (!shells.includes(shell as Shell))
        throw new UsageError(`no completion for ${shell}: there are ${shells.join(', ')}`);
      await print(context, completionScript(shell as Shell, program.name(), collectWords(program)));
    });
}
