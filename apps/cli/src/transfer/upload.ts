// Uploads of archives. The server keeps what came; who begins the same file again is told how far it is.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { beginUpload, continueUpload, type EndpointOutput, getArchive } from '@entrepot/platform-api';
import type { ApiClient } from '../client/api-client.js';
import type { CommandContext } from '../context.js';
import { UsageError } from '../exit-code.js';
import type { ProgressView } from '../progress/progress-view.js';
import { isCut } from './cut.js';

type Archive = EndpointOutput<typeof getArchive>;

const keptSeconds = 24 * 3600;
/** Together longer than the server takes a silent connection for living. */
const triesWithoutProgress = 12;
const firstWaitMs = 250;
const longestWaitMs = 5_000;

/**
 * Sends a file, from where an earlier try ended, and goes on when the connection breaks. Gives back the id of the archive
 * that the server has then.
 *
 * @throws {UsageError} there is no such file
 */
export async function sendFile(
  context: CommandContext,
  file: string,
  { platform, view }: { platform?: string; view: ProgressView },
): Promise<string> {
  const { sizeBytes, fingerprint } = await describeFile(file);
  const client = context.client();
  const body = { sizeBytes, fingerprint, platform, lifeSeconds: keptSeconds };
  let archive = await client.call(beginUpload, { body }, context.signal);
  if (archive.bytesDone > 0) view.note(`${file}: goes on after ${archive.bytesDone} of ${sizeBytes} bytes`);
  let isPlaceSure = archive.bytesDone === 0;
  for (let [failures, reachedBytes] = [0, archive.bytesDone]; archive.state === 'receiving'; ) {
    try {
      archive = isPlaceSure
        ? await sendRest(client, file, archive, { view, signal: context.signal })
        : await findPlace(client, archive, context.signal);
      isPlaceSure = true;
    } catch (error) {
      context.signal.throwIfAborted();
      if (!isCut(error) || ++failures > triesWithoutProgress) throw error;
      await sleep(Math.min(firstWaitMs * 2 ** failures, longestWaitMs), undefined, { signal: context.signal });
      isPlaceSure = false;
    }
    if (archive.bytesDone > reachedBytes) [failures, reachedBytes] = [0, archive.bytesDone];
  }
  return archive.id;
}

async function sendRest(
  client: ApiClient,
  file: string,
  { id, bytesDone, sizeBytes }: Archive,
  { view, signal }: { view: ProgressView; signal: AbortSignal },
): Promise<Archive> {
  const bytes = createReadStream(file, { start: bytesDone, highWaterMark: 1024 * 1024 });
  const body = Readable.from(counted(bytes, { bytesDone, sizeBytes: sizeBytes ?? 0 }, view));
  const input = { params: { id }, query: { offset: bytesDone } };
  return client.upload(continueUpload, input, { body, contentType: 'application/octet-stream' }, signal);
}

async function* counted(
  bytes: AsyncIterable<Buffer>,
  { bytesDone, sizeBytes }: { bytesDone: number; sizeBytes: number },
  view: ProgressView,
): AsyncGenerator<Buffer> {
  let doneBytes = bytesDone;
  let shownAt = 0;
  for await (const chunk of bytes) {
    yield chunk;
    doneBytes += chunk.length;
    if (performance.now() - shownAt < 100 && doneBytes < sizeBytes) continue;
    shownAt = performance.now();
    view.update([{ id: 'upload', label: 'Upload', doneBytes, totalBytes: sizeBytes, status: '', verb: 'Sending' }]);
  }
}

/**
 * Where to go on. Asked with an empty piece, since whoever is refused in the middle of a large one has sent it in vain: the
 * server may not have heard yet that the last connection broke.
 */
async function findPlace(client: ApiClient, { id }: Archive, signal: AbortSignal): Promise<Archive> {
  const archive = await client.call(getArchive, { params: { id } }, signal);
  if (archive.state !== 'receiving') return archive;
  const nothing = { body: Readable.from([]), contentType: 'application/octet-stream' };
  return client.upload(continueUpload, { params: { id }, query: { offset: archive.bytesDone } }, nothing, signal);
}

/** A file that was written to since is another file. */
async function describeFile(file: string): Promise<{ sizeBytes: number; fingerprint: string }> {
  const found = await stat(file, { bigint: true }).catch(() => null);
  if (!found?.isFile()) throw new UsageError(`there is no file ${file}`);
  const { size, mtimeNs, ino, dev } = found;
  const facts = [await realpath(file), size, mtimeNs, ino, dev].join('\n');
  return { sizeBytes: Number(size), fingerprint: createHash('sha256').update(facts).digest('hex') };
}
