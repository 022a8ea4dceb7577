import type { ApiClient } from './client/api-client.js';
import type { ProgressStream } from './progress/progress-view.js';

/** What a command works with: the server, the streams, and the wish to stop. */
export interface CommandContext {
  /** Opened by the first command that asks for it. */
  client(): ApiClient;
  stdin: NodeJS.ReadableStream & { isTTY?: boolean };
  stdout: NodeJS.WritableStream & { isTTY?: boolean };
  /** Progress, warnings and errors. */
  stderr: ProgressStream;
  /** Aborted by Ctrl-C. */
  signal: AbortSignal;
}

/** Writes a result; waits when the reader is slow. */
export async function print({ stdout }: Pick<CommandContext, 'stdout'>, text: string): Promise<void> {
  if (text === '') return;
  await new Promise<void>((resolve, reject) => stdout.write(text, (error) => (error ? reject(error) : resolve())));
}
