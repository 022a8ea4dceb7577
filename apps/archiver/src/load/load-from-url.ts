import { Transform } from 'node:stream';
import { failArchive, finishLoad, insertEvents, reportLoad, takeLoad } from '@entrepot/database';
import { type CodedError, isCodedError, parsePlatform } from '@entrepot/oci';
import { type OpenDownload, openDownload, type Reach } from '@entrepot/registry-client';
import { z } from 'zod';
import { type LoadParts, loadArchive } from './load-archive.js';

/** What loading from elsewhere needs. */
export interface LoadFromUrlParts extends LoadParts {
  /** How near to us a URL may lead. */
  reach: Reach;
}

/** As catalog wrote it. */
const wishSchema = z.object({ url: z.url(), platform: z.string().nullable() });

const reportEveryMs = 500;

/**
 * Loads the archive that a row names, and writes down how far it is and what came of it. A no-op when it was given up;
 * one that another worker left begins anew, since nothing of it was kept.
 */
export async function loadFromUrl(
  parts: LoadFromUrlParts,
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
    const download = await openDownload(url, { reach: parts.reach, signal: AbortSignal.any([signal, wanted.signal]) });
    const loaded = await readAll({ ...parts, content: { ...parts.content, database } }, download, {
      platform,
      report: async (bytesDone) => {
        const isWanted = await reportLoad(prisma, archiveId, { bytesDone, sizeBytes: download.sizeBytes });
        if (!isWanted) wanted.abort();
      },
    });
    await database.transaction(async (tx) => {
      await finishLoad(tx, archiveId, { loaded });
      const attributes = { name: new URL(url).host };
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

interface ReadOptions {
  platform: string | null;
  report(bytesDone: number): Promise<void>;
}

async function readAll(parts: LoadParts, download: OpenDownload, { platform, report }: ReadOptions): Promise<string[]> {
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
  download.body.on('error', (error) => meter.destroy(error)).pipe(meter);
  try {
    await report(0);
    const wish = { quiet: true, platform: platform === null ? null : parsePlatform(platform), say: () => {} };
    const loaded = await loadArchive(parts, meter, wish);
    await report(bytesDone);
    return loaded;
  } finally {
    meter.destroy();
    await download.close();
  }
}

/** What another try would not change. */
function isFinal(error: unknown): error is CodedError {
  return isCodedError(error) && !error.retryable;
}
