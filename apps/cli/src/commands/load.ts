import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { Command } from 'commander';
import { type CommandContext, print } from '../context.js';
import { UsageError } from '../exit-code.js';
import { openProgress, type ProgressView } from '../progress/progress-view.js';

interface LoadOptions {
  input?: string;
  quiet?: boolean;
}

export function addLoad(program: Command, context: CommandContext): void {
  program
    .command('load')
    .description('load the images of an archive: docker save, OCI layout, skopeo, crane; plain, gzip or zstd')
    .option('-i, --input <file>', 'read this file instead of standard input')
    .option('-q, --quiet', 'show no progress')
    .action(async ({ input, quiet }: LoadOptions) => {
      const view = openProgress(context.stderr, quiet || !context.stderr.isTTY);
      try {
        const body = Readable.from(counted(await openArchive(context, input), view));
        const answer = await context
          .client()
          .open(
            { method: 'POST', path: '/images/load?quiet=1' },
            { headers: { 'content-type': 'application/x-tar' }, body, signal: context.signal },
          );
        for await (const line of messagesOf(answer.body)) await print(context, line);
      } finally {
        view.close();
      }
    });
}

interface Archive {
  stream: AsyncIterable<Buffer>;
  /** Null for a pipe. */
  sizeBytes: number | null;
}

async function openArchive({ stdin }: CommandContext, file: string | undefined): Promise<Archive> {
  if (file === undefined) {
    if (stdin.isTTY) throw new UsageError('an archive is not typed in; use --input or a pipe');
    return { stream: stdin as AsyncIterable<Buffer>, sizeBytes: null };
  }
  const found = await stat(file).catch(() => null);
  if (!found?.isFile()) throw new UsageError(`there is no file ${file}`);
  return { stream: createReadStream(file, { highWaterMark: 1024 * 1024 }), sizeBytes: found.size };
}

async function* counted({ stream, sizeBytes }: Archive, view: ProgressView): AsyncGenerator<Buffer> {
  let doneBytes = 0;
  let shownAt = 0;
  for await (const chunk of stream) {
    yield chunk;
    doneBytes += chunk.length;
    if (sizeBytes === null || (performance.now() - shownAt < 100 && doneBytes < sizeBytes)) continue;
    shownAt = performance.now();
    view.update([{ id: 'archive', label: 'Archive', doneBytes, totalBytes: sizeBytes, status: '' }]);
  }
}

/** What the server says of a load, as docker prints it. @throws {LoadFailedError} */
async function* messagesOf(body: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of body) {
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines.filter((text) => text.trim() !== '')) {
      const message = JSON.parse(line) as { stream?: string; errorDetail?: { message: string } };
      if (message.errorDetail) throw new LoadFailedError(message.errorDetail.message);
      if (message.stream) yield message.stream;
    }
  }
}

/** The archive was not loaded; nothing of it was kept. */
class LoadFailedError extends Error {
  override readonly name = 'LoadFailedError';
  readonly code = 'LOAD_FAILED';
  readonly retryable = false;
}
