// Downloads of archives. An archive has the same bytes under the same ETag every time, so one that was cut goes on.
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CommandContext } from '../context.js';
import { UsageError } from '../exit-code.js';
import { openProgress, type ProgressView } from '../progress/progress-view.js';
import { isCut } from './cut.js';

const triesWithoutProgress = 6;
const firstWaitMs = 500;

interface Download {
  body: Readable;
  etag: string | null;
  fromByte: number;
  totalBytes: number;
}

/** Writes an archive to a stream; a cut cannot be mended there. */
export async function saveToStream(context: CommandContext, path: string): Promise<void> {
  const { body } = await open(context, path, 0, null);
  await pipeline(body, context.stdout, { signal: context.signal, end: false });
}

/**
 * Writes an archive to a file, which appears when it is whole. What an earlier try left beside it is used.
 *
 * @throws {UsageError} the folder is not there
 */
export async function saveToFile(context: CommandContext, path: string, file: string, quiet = false): Promise<void> {
  const target = resolve(file);
  if (!(await stat(dirname(target)).catch(() => null))?.isDirectory())
    throw new UsageError(`there is no folder ${dirname(target)}`);
  const view = openProgress(context.stderr, quiet);
  try {
    await download(context, path, target, view);
  } finally {
    view.close();
  }
}

async function download(context: CommandContext, path: string, target: string, view: ProgressView): Promise<void> {
  let left = await open(context, path, 0, null);
  const part = `${target}.${partName(left.etag)}.part`;
  let doneBytes = await sizeOf(part);
  if (doneBytes > 0) left = await goOn(context, path, doneBytes, left);
  for (let failures = 0; ; ) {
    const before = left.fromByte;
    doneBytes = before;
    try {
      const file = createWriteStream(part, { flags: before > 0 ? 'r+' : 'w', start: before });
      await pipeline(counted(left, view), file, { signal: context.signal });
      break;
    } catch (error) {
      context.signal.throwIfAborted();
      doneBytes = await sizeOf(part);
      failures = doneBytes > before ? 1 : failures + 1;
      if (failures > triesWithoutProgress || !isCut(error)) throw error;
      await sleep(firstWaitMs * 2 ** failures, undefined, { signal: context.signal });
      left = await goOn(context, path, doneBytes, left);
    }
  }
  await rename(part, target);
  view.note(`${target}: ${left.totalBytes} bytes`);
}

/** From where the file ends; from the start when the archive is another one by now. */
async function goOn(context: CommandContext, path: string, fromByte: number, before: Download): Promise<Download> {
  before.body.on('error', () => undefined).destroy();
  if (before.etag === null) return open(context, path, 0, null);
  return open(context, path, Math.min(fromByte, before.totalBytes - 1), before.etag);
}

async function open(context: CommandContext, path: string, fromByte: number, etag: string | null): Promise<Download> {
  const headers: Record<string, string> =
    fromByte > 0 && etag !== null ? { range: `bytes=${fromByte}-`, 'if-range': etag } : {};
  const response = await context.client().open({ method: 'GET', path }, { headers, signal: context.signal });
  const partial = response.statusCode === 206;
  const length = Number(response.headers['content-length'] ?? 0);
  const start = partial ? fromByte : 0;
  return {
    body: response.body,
    etag: String(response.headers.etag ?? '') || null,
    fromByte: start,
    totalBytes: start + length,
  };
}

async function* counted({ body, fromByte, totalBytes }: Download, view: ProgressView): AsyncGenerator<Buffer> {
  let doneBytes = fromByte;
  let shownAt = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    yield chunk;
    doneBytes += chunk.length;
    if (performance.now() - shownAt < 100 && doneBytes < totalBytes) continue;
    shownAt = performance.now();
    view.update([{ id: 'archive', label: 'Archive', doneBytes, totalBytes, status: '' }]);
  }
}

/** Archives of other content never go on in the same file. */
function partName(etag: string | null): string {
  return createHash('sha256')
    .update(etag ?? '')
    .digest('hex')
    .slice(0, 12);
}

async function sizeOf(file: string): Promise<number> {
  return (await stat(file).catch(() => null))?.size ?? 0;
}
