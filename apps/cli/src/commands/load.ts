import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { deleteArchive, followArchive, loadFromUrl, uploadArchive } from '@entrepot/platform-api';
import type { Command } from 'commander';
import { type CommandContext, print } from '../context.js';
import { UsageError } from '../exit-code.js';
import { openProgress, type ProgressView } from '../progress/progress-view.js';

interface LoadOptions {
  input?: string;
  url?: string;
  platform?: string;
  quiet?: boolean;
}

export function addLoad(program: Command, context: CommandContext): void {
  program
    .command('load')
    .description('load the images of an archive: docker save, OCI layout, skopeo, crane; plain, gzip or zstd')
    .option('-i, --input <file>', 'read this file instead of standard input')
    .option('--url <url>', 'let the server fetch it from there')
    .option('--platform <platform>', 'only this platform, as linux/arm64')
    .option('-q, --quiet', 'show no progress')
    .action(async ({ input, url, platform, quiet }: LoadOptions) => {
      if (url !== undefined) return loadUrl(context, url, platform, Boolean(quiet));
      const view = openProgress(context.stderr, quiet || !context.stderr.isTTY);
      try {
        const body = Readable.from(counted(await openArchive(context, input), view));
        const upload = { body, contentType: 'application/x-tar' };
        const { loaded } = await context
          .client()
          .upload(uploadArchive, { query: { platform } }, upload, context.signal);
        await print(context, loadedText(loaded));
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

async function loadUrl(
  context: CommandContext,
  url: string,
  platform: string | undefined,
  quiet: boolean,
): Promise<void> {
  const client = context.client();
  const { id } = await client.call(loadFromUrl, { body: { url, platform } }, context.signal);
  const view = openProgress(context.stderr, quiet);
  try {
    for await (const { data } of client.events(followArchive, { params: { id } }, { signal: context.signal })) {
      if (data.sizeBytes !== null) {
        view.update([{ id, label: 'Archive', doneBytes: data.bytesDone, totalBytes: data.sizeBytes, status: '' }]);
      }
      if (data.state === 'failed') throw new LoadFailedError(data.error?.message ?? 'the archive was not loaded');
      if (data.state === 'done') return await print(context, loadedText(data.loaded));
    }
    throw new LoadFailedError('the server stopped telling about the load');
  } catch (error) {
    if (context.signal.aborted) await client.call(deleteArchive, { params: { id } });
    throw error;
  } finally {
    view.close();
  }
}

/** In docker's words. */
function loadedText(loaded: readonly string[]): string {
  return loaded
    .map((name) => (name.startsWith('sha256:') ? `Loaded image ID: ${name}\n` : `Loaded image: ${name}\n`))
    .join('');
}

/** The archive was not loaded; nothing of it was kept. */
class LoadFailedError extends Error {
  override readonly name = 'LoadFailedError';
  readonly code = 'LOAD_FAILED';
  readonly retryable = false;
}
