import type { Command } from 'commander';

/** What may follow a command on the line. */
export interface CommandWords {
  /** From the root, without the program: `batch retry`; '' for the root. */
  path: string;
  subcommands: { name: string; description: string }[];
  /** Long and short flags. */
  flags: Flag[];
}

/** A flag; `values` are those that may follow, empty for any, and null when none does. */
export interface Flag {
  name: string;
  description: string;
  values: readonly string[] | null;
}

/** The words of every command, for completion scripts. */
export function collectWords(program: Command): CommandWords[] {
  const walk = (command: Command, path: string): CommandWords[] => {
    const shown = command.commands.filter((child) => child.name() !== 'help');
    const words: CommandWords = {
      path,
      subcommands: shown.map((child) => ({ name: child.name(), description: child.summary() || child.description() })),
      flags: command.options.flatMap(({ long, short, description, required, argChoices = [] }) =>
        [long, short].flatMap((name) => (name ? [{ name, description, values: required ? argChoices : null }] : [])),
      ),
    };
    return [words, ...shown.flatMap((child) => walk(child, `${path} ${child.name()}`.trim()))];
  };
  return walk(program, '');
}
