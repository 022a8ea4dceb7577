import { createReadStream } from 'node:fs';
import { access } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { createBatch, createBatchFromFile, type EndpointOutput } from '@entrepot/platform-api';
import type { CommandContext } from '../context.js';
import { UsageError } from '../exit-code.js';
import type { PullOptions } from './pull.js';

type Batch = EndpointOutput<typeof createBatch>;

/** Starts a batch of the images named, or of those in a file; what the server cannot read there is named by line. */
export async function startBatch(context: CommandContext, images: string[], options: PullOptions): Promise<Batch> {
  const { file, platform, priority, owner, dryRun, disableContentTrust } = options;
  const settings = { platform, priority, owner, dryRun, disableContentTrust };
  if (file === undefined) {
    return context.client().call(createBatch, { body: { items: images, ...settings } }, context.signal);
  }
  const contentType = /\.(ya?ml|json)$/i.test(file) ? 'application/yaml' : 'text/plain';
  const body = await openFile(context, file);
  return context.client().upload(createBatchFromFile, { query: settings }, { body, contentType }, context.signal);
}

async function openFile({ stdin }: CommandContext, file: string): Promise<Readable> {
  if (file === '-') return Readable.from(stdin as AsyncIterable<Buffer>);
  try {
    await access(file);
  } catch {
    throw new UsageError(`cannot read ${file}`);
  }
  return createReadStream(file);
}
