import { type ContentContext, type LayerIndexIngest, openLayerIndexIngest } from '@entrepot/content';
import {
  countRunningFetches,
  findUnanalysedLayer,
  keepFoundPackages,
  layerAnalysedTopic,
  markBrokenImages,
  notify,
  saveLayerFailure,
  saveLayerFindings,
  type UnanalysedLayer,
  wantSeekPoints,
} from '@entrepot/database';
import type { JobContext } from '@entrepot/jobs';
import { type FoundPackage, wellFormedText } from '@entrepot/layers';
import type { Logger } from '@entrepot/observability';
import type { Digest } from '@entrepot/oci';
import { type LayerReader, type LayerReading, LayerUnreadableError } from './layer-thread.js';
import { pause } from './periodic.js';

/** What analysing needs. */
export interface AnalysisParts {
  content: ContentContext;
  layers: LayerReader;
  logger: Logger;
}

/** Transfers go first, but a layer does not wait for ever where transfers never end. */
const longestYieldMs = 60_000;
const yieldMs = 1_000;

/** Storage keys of what this process reads: a layer that somebody waits for has two jobs, and is read for one of them. */
const reading = new Set<string>();

/** Reads one stored layer to its end and writes down what it holds. A no-op when that was done or the layer is gone. */
export async function analyseLayer(
  parts: AnalysisParts,
  { digest }: { digest: Digest },
  { signal }: Pick<JobContext, 'signal'>,
): Promise<void | { retryAt: Date }> {
  const layer = await takeTurn(parts, digest, signal);
  if (layer === null) return;
  if (reading.has(layer.storageKey)) return { retryAt: new Date(Date.now() + yieldMs) };
  reading.add(layer.storageKey);
  const index = openLayerIndexIngest(parts.content, digest);
  try {
    const summary = await parts.layers.read(layer.storageKey, (part) => index.store(part), signal);
    await keepFindings(parts, digest, { summary, index });
  } catch (error) {
    if (!(error instanceof LayerUnreadableError) || error.retryable) throw error;
    if (error.code !== 'BLOB_NOT_FOUND') await keepFailure(parts, digest, error);
  } finally {
    reading.delete(layer.storageKey);
    await index.end();
  }
}

/**
 * The layer, once it is its turn; null when there is nothing to do any more. It keeps its job meanwhile: hundreds that
 * are put back and taken again each second would cost more than the transfers that they give way to.
 */
async function takeTurn(parts: AnalysisParts, digest: Digest, signal: AbortSignal): Promise<UnanalysedLayer | null> {
  for (;;) {
    const layer = await findUnanalysedLayer(parts.content.database.prisma, digest);
    if (layer === null || !(await transfersRun(parts, layer))) return layer;
    await pause(yieldMs, signal);
    signal.throwIfAborted();
  }
}

async function transfersRun({ content }: AnalysisParts, layer: UnanalysedLayer): Promise<boolean> {
  if (layer.isWanted || layer.ageMs >= longestYieldMs) return false;
  return (await countRunningFetches(content.database.prisma)) > 0;
}

/** An image whose configuration promises other layers is broken from now on; it was published on trust. */
async function keepFindings(
  { content, logger }: AnalysisParts,
  digest: Digest,
  { summary, index }: { summary: LayerReading; index: LayerIndexIngest },
): Promise<void> {
  const broken = await content.database.transaction(async (tx) => {
    await saveLayerFindings(tx, digest, summary);
    if (summary.compression !== 'none') await wantSeekPoints(tx, digest);
    await index.publish(tx);
    await keepFoundPackages(tx, digest, wellFormed(summary.packages));
    await notify(tx, [layerAnalysedTopic]);
    return markBrokenImages(tx, [digest]);
  });
  logger.debug({ digest, diffId: summary.diffId, entries: summary.entryCount }, 'layer analysed');
  if (broken.length > 0) logger.warn({ digest, images: broken }, 'images whose configuration does not match a layer');
}

function wellFormed(packages: readonly FoundPackage[]): FoundPackage[] {
  return packages.map((found) => ({ ...found, path: wellFormedText(found.path) }));
}

async function keepFailure({ content, logger }: AnalysisParts, digest: Digest, error: Error): Promise<void> {
  const broken = await content.database.transaction(async (tx) => {
    await saveLayerFailure(tx, digest, error.message);
    await notify(tx, [layerAnalysedTopic]);
    return markBrokenImages(tx, [digest]);
  });
  logger.warn({ digest, images: broken, reason: error.message }, 'layer cannot be read');
}
