import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import type { CommandContext } from '../context.js';
import { UsageError } from '../exit-code.js';

const maxSecretBytes = 65_536;

/**
 * A secret from standard input, or typed on the terminal without being shown.
 *
 * @throws {UsageError} it is empty, or nobody is there to type
 */
export async function readSecret(context: CommandContext, question: string, fromStdin: boolean): Promise<string> {
  const secret = fromStdin ? await readStdin(context) : await ask(context, question);
  if (secret === '') throw new UsageError('the password is empty');
  return secret;
}

async function readStdin({ stdin }: CommandContext): Promise<string> {
  let text = '';
  for await (const chunk of stdin) {
    text += chunk.toString();
    if (text.length > maxSecretBytes) throw new UsageError('the password is too long');
  }
  return text.replace(/\r?\n$/, '');
}

async function ask({ stdin, stderr }: CommandContext, question: string): Promise<string> {
  if (!stdin.isTTY) throw new UsageError('nobody can be asked here; use --password-stdin');
  stderr.write(question);
  const silence = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: stdin, output: silence, terminal: true });
  try {
    return await new Promise((resolve) => terminal.once('line', resolve).once('close', () => resolve('')));
  } finally {
    terminal.close();
    stderr.write('\n');
  }
}
