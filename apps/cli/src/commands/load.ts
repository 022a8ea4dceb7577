import { Readable } from 'node:stream';
import { deleteArchive, followArchive, loadFromUrl, uploadArchive } from '@entrepot/platform-api';
import type { Command } from 'commander';
import { type CommandContext, print } from '../context.js';
import { UsageError } from '../exit-code.js';
import { openProgress, type ProgressView } from '../progress/progress-view.js';
import { sendFile } from '../transfer/upload.js';

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
    .option(
      '-i, --input <file>',
      'read this file instead of standard input; a load that was cut goes on where it ended',
    )
    .option('--url <url>', 'let the server fetch it from there')
    .option('--platform <platform>', 'only this platform, as linux/arm64')
    .option('-q, --quiet', 'show no progress')
    .addHelpText('after', examples)
    .action(async ({ input, url, platform, quiet }: LoadOptions) => {
      if (url !== undefined && input !== undefined) throw new UsageError('give --input or --url, not both');
      const view = openProgress(context.stderr, quiet);
      let loaded: string[];
      try {
        loaded = await load(context, { input, url, platform }, view);
      } finally {
        view.close();
      }
      await print(context, loadedText(loaded));
    });
}

const examples = `
Examples:
  entrepot load -i images.tar                 called again after a cut, it goes on where it ended
  docker save redis:7 | entrepot load
  entrepot load --url https://example.com/images.tar.gz`;

/** Gives back what was loaded: tags, or ids. */
async function load(context: CommandContext, wish: LoadOptions, view: ProgressView): Promise<string[]> {
  const { input, url, platform } = wish;
  if (input !== undefined) {
    const id = await sendFile(context, input, { platform, view }).catch((error: unknown) => {
      if (context.signal.aborted) view.note('the server keeps what it has for a day; the same command goes on');
      throw error;
    });
    return followLoad(context, id, view);
  }
  if (url === undefined) return loadPipe(context, platform);
  const { id } = await context.client().call(loadFromUrl, { body: { url, platform } }, context.signal);
  return followLoad(context, id, view);
}

/** What comes by a pipe comes once: it is loaded as it is sent. */
async function loadPipe(context: CommandContext, platform: string | undefined): Promise<string[]> {
  const { stdin } = context;
  if (stdin.isTTY) throw new UsageError('an archive is not typed in; use --input or a pipe');
  const upload = { body: Readable.from(stdin), contentType: 'application/x-tar' };
  const { loaded } = await context.client().upload(uploadArchive, { query: { platform } }, upload, context.signal);
  return loaded;
}

/** Waits for the end of a load; Ctrl-C gives it up. */
async function followLoad(context: CommandContext, id: string, view: ProgressView): Promise<string[]> {
  const client = context.client();
  try {
    for await (const { data } of client.events(followArchive, { params: { id } }, { signal: context.signal })) {
      if (data.sizeBytes !== null) {
        const { bytesDone: doneBytes, sizeBytes: totalBytes } = data;
        view.update([{ id, label: 'Archive', doneBytes, totalBytes, status: '', verb: 'Loading' }]);
      }
      if (data.state === 'failed') throw new LoadFailedError(data.error?.message ?? 'the archive was not loaded');
      if (data.state === 'done') return data.loaded;
    }
    throw new LoadFailedError('the server stopped telling about the load');
  } catch (error) {
    if (context.signal.aborted) await client.call(deleteArchive, { params: { id } });
    throw error;
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
