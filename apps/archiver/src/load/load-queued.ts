import { Transform } from 'node:stream';
import type { BlobStore } from '@entrepot/blob-store';
import { failArchive, finishLoad, insertEvents, reportLoad, type TakenLoad, takeLoad } from '@entrepot/database';
import { type CodedError, isCodedError, parsePlatform } from '@entrepot/oci';
import { type OpenDownload, openDownload, type Reach } from '@entrepot/registry-client';
import { z } from 'zod';
import { type LoadParts, loadArchive } from './load-archive.js';

/** What loading what waits needs. */
export interface LoadQueuedParts extends LoadParts {
  /** How near to us a URL may lead. */
  reach: Reach;
}

/** As catalog wrote it; without a URL for an archive that was sent. */
const wishSchema = z.object({ url: z.url().optional(), platform: z.string().nullable() });

/** Bytes to be loaded; whoever opened them reads them to their end, and then closes. */
type OpenSource = Pick<OpenDownload, 'body' | 'sizeBytes' | 'close'>;

const reportEveryMs = 500;

/**
 * Loads the archive of a row, from a URL or as it was sent, and writes down how far it is and what came of it. A no-op
 * when it was given up; one that another worker left begins anew, since nothing of it was kept.
 */
export async function loadQueued(
  parts: LoadQueuedParts,
  { archiveId }: { archiveId: string },
  { signal }: { signal: AbortSignal },
): Promise<void> {
  const { prisma } = parts.content.database;
  const taken = await takeLoad(prisma, archiveId);
  if (taken === null) return;
  const { url, platform } = wishSchema.parse(taken.request);
  const database = parts.content.database.as(taken.caller);
  const wanted = new AbortController();
  try {
    const source = await openSource(parts, taken, url, AbortSignal.any([signal, wanted.signal]));
    const loaded = await readAll({ ...parts, content: { ...parts.content, database } }, source, {
      platform,
      report: async (bytesDone) => {
        const isWanted = await reportLoad(prisma, archiveId, { bytesDone, sizeBytes: source.sizeBytes });
        if (!isWanted) wanted.abort();
      },
    });
    await database.transaction(async (tx) => {
      await finishLoad(tx, archiveId, { loaded });
      const attributes = { name: url === undefined ? 'upload' : new URL(url).host };
      const change = { from: null, to: loaded };
      await insertEvents(tx, [{ type: 'archive', action: 'load', actorId: archiveId, attributes, change }]);
    });
  } catch (error) {
    if (wanted.signal.aborted) return;
    if (!isFinal(error)) throw error;
    parts.logger.info({ archiveId, err: error }, 'archive cannot be loaded');
    await failArchive(prisma, archiveId, { code: error.code, message: error.message });
  }
}

function openSource(
  { content, reach }: LoadQueuedParts,
  { storageKey, sizeBytes }: TakenLoad,
  url: string | undefined,
  signal: AbortSignal,
): Promise<OpenSource> {
  if (url !== undefined) return openDownload(url, { reach, signal });
  return openReceived(content.store, { storageKey: storageKey ?? '', sizeBytes }, signal);
}

/** @throws {BlobNotFoundError} its time was over, and its bytes have gone */
async function openReceived(
  store: BlobStore,
  { storageKey, sizeBytes }: { storageKey: string; sizeBytes: number | null },
  signal: AbortSignal,
): Promise<OpenSource> {
  const body = await store.open(storageKey, {}, signal);
  return {
    ...{ body, sizeBytes },
    close: async () => {
      body.destroy();
    },
  };
}

interface ReadOptions {
  platform: string | null;
  report(bytesDone: number): Promise<void>;
}

async function readAll(parts: LoadParts, source: OpenSource, { platform, report }: ReadOptions): Promise<string[]> {
  let bytesDone = 0;
  let reportedAtMs = 0;
  const meter = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      bytesDone += chunk.length;
      if (performance.now() - reportedAtMs < reportEveryMs) return done(null, chunk);
      reportedAtMs = performance.now();
      report(bytesDone).then(
        () => done(null, chunk),
        (error: Error) => done(error),
      );
    },
  });
  source.body.on('error', (error) => meter.destroy(error)).pipe(meter);
  try {
    await report(0);
    const wish = { quiet: true, platform: platform === null ? null : parsePlatform(platform), say: () => {} };
    const loaded = await loadArchive(parts, meter, wish);
    await report(bytesDone);
    return loaded;
  } finally {
    meter.destroy();
    await source.close();
  }
}

/** What another try would not change. */
function isFinal(error: unknown): error is CodedError {
  return isCodedError(error) && !error.retryable;
}
