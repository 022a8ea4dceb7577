import type { Command } from 'commander';

/** What may follow a command on the line. */
export interface CommandWords {
  /** From the root, without the program: `batch retry`; '' for the root. */
  path: string;
  subcommands: { name: string; description: string }[];
  /** Long and short flags. */
  flags: { name: string; description: string }[];
}

/** The words of every command, for completion scripts. */
export function collectWords(program: Command): CommandWords[] {
  const walk = (command: Command, path: string): CommandWords[] => {
    const shown = command.commands.filter((child) => child.name() !== 'help');
    const words: CommandWords = {
      path,
      subcommands: shown.map((child) => ({ name: child.name(), description: child.summary() || child.description() })),
      flags: command.options.flatMap(({ long, short, description }) =>
        [long, short].flatMap((name) => (name ? [{ name, description }] : [])),
      ),
    };
    return [words, ...shown.flatMap((child) => walk(child, `${path} ${child.name()}`.trim()))];
  };
  return walk(program, '');
}
