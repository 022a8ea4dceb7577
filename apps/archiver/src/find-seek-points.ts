import { type ContentContext, storeSeekPoints } from '@entrepot/content';
import { countRunningFetches, findUnsoughtLayer, listUnanalysedLayers } from '@entrepot/database';
import type { JobContext } from '@entrepot/jobs';
import type { Logger } from '@entrepot/observability';
import type { Digest } from '@entrepot/oci';
import { LayerUnreadableError, type SeekPointFinder } from './layer-thread.js';

/** What finding needs. */
export interface SeekPointParts {
  content: ContentContext;
  seekPoints: SeekPointFinder;
  logger: Logger;
}

/** Nobody waits for it, but it does not wait for ever where transfers never end. */
const longestYieldMs = 10 * 60_000;
const yieldMs = 5_000;
/** What fails in ways nobody thought of is not tried for ever. */
const longestTryMs = 60 * 60_000;

/**
 * Reads a layer once more and keeps where its unpacking can begin. A no-op when that was done or the layer is gone. What
 * cannot be read in this way can be read from its beginning.
 */
export async function findSeekPoints(
  { content, seekPoints, logger }: SeekPointParts,
  { digest }: { digest: Digest },
  { signal }: Pick<JobContext, 'signal'>,
): Promise<void | { retryAt: Date }> {
  const { prisma } = content.database;
  const layer = await findUnsoughtLayer(prisma, digest);
  if (!layer) return;
  if (layer.ageMs < longestYieldMs && (await isBusy(content))) return { retryAt: new Date(Date.now() + yieldMs) };
  try {
    await storeSeekPoints(content, digest, await seekPoints.find(layer, signal));
  } catch (error) {
    if (!(error instanceof LayerUnreadableError)) throw error;
    if (error.retryable && layer.ageMs < longestTryMs) throw error;
    logger.warn({ digest, reason: error.message }, 'no seek points were found in a layer');
    await storeSeekPoints(content, digest, null);
  }
}

async function isBusy({ database: { prisma } }: ContentContext): Promise<boolean> {
  if ((await countRunningFetches(prisma)) > 0) return true;
  return (await listUnanalysedLayers(prisma, { storedForMs: 0, limit: 1 })).length > 0;
}
