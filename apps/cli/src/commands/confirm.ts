import { createInterface } from 'node:readline/promises';
import type { CommandContext } from '../context.js';
import { UsageError } from '../exit-code.js';

/**
 * Asks on the terminal.
 *
 * @throws {UsageError} nobody is there to answer
 */
export async function confirm({ stdin, stderr, signal }: CommandContext, question: string): Promise<boolean> {
  if (!stdin.isTTY) throw new UsageError('nobody can be asked here; --force goes on without asking');
  const terminal = createInterface({ input: stdin, output: stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `, { signal })).trim());
  } finally {
    terminal.close();
  }
}
