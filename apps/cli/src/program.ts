import { ConfigError } from '@entrepot/config';
import { Command, CommanderError, type Option } from 'commander';
import { ApiError } from './client/api-client.js';
import { addCommands } from './commands/index.js';
import type { CommandContext } from './context.js';
import { exitCodes, PartialFailureError, UsageError } from './exit-code.js';
import { TemplateError } from './template/lexer.js';
import { version } from './version.js';

/** Carries out one command line. Resolves to the exit code; what went wrong was said on standard error. */
export async function runProgram(args: readonly string[], context: CommandContext): Promise<number> {
  const program = createProgram(context);
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCodes.done;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    if (context.signal.aborted) return exitCodes.interrupted;
    context.stderr.write(`entrepot: ${(error as Error).message}\n`);
    return exitCodeOf(error);
  }
}

/** The command with all its subcommands. */
export function createProgram(context: CommandContext): Command {
  const program = new Command('entrepot')
    .description('Lists, searches, pulls, removes, saves and loads container images through an Entrepot server.')
    .version(version, '-V, --version', 'print the version of this command')
    .helpOption('-h, --help', 'explain a command')
    .configureHelp({ optionDescription: describeOption })
    .addHelpText('after', environmentHelp)
    .showSuggestionAfterError()
    .configureOutput({
      writeOut: (text) => void context.stdout.write(text),
      writeErr: (text) => void context.stderr.write(text),
    })
    .exitOverride();
  addCommands(program, context);
  return program;
}

/** That a list is empty when nothing is said needs no word. */
function describeOption(option: Option): string {
  const { description, argChoices, defaultValue } = option;
  const choices = argChoices ? `one of ${argChoices.join(', ')}` : '';
  const isTold = defaultValue !== undefined && typeof defaultValue !== 'boolean' && String(defaultValue) !== '';
  const extra = [choices, isTold ? `default ${defaultValue}` : ''].filter((text) => text !== '').join('; ');
  return extra === '' ? description : `${description} (${extra})`;
}

const environmentHelp = `
Environment:
  ENTREPOT_URL     address of the server (default http://127.0.0.1:2375)
  ENTREPOT_TOKEN   bearer token; none is needed on loopback
  ENTREPOT_CA      PEM file of the authority behind the server's certificate
  ENTREPOT_CONFIG  file with url, token and ca (default ~/.config/entrepot/config.yaml)

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 some items failed, 130 interrupted.`;

function exitCodeOf(error: unknown): number {
  if (error instanceof PartialFailureError) return exitCodes.partly;
  if (error instanceof UsageError || error instanceof TemplateError || error instanceof ConfigError)
    return exitCodes.usage;
  return error instanceof ApiError && error.problem.status === 400 ? exitCodes.usage : exitCodes.failed;
}
