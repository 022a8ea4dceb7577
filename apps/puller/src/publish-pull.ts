import { failPull, PullEndedError, publishPull as publish } from '@entrepot/content';
import { markBrokenImages } from '@entrepot/database';
import { fetchBlob } from '@entrepot/jobs';
import type { Digest } from '@entrepot/oci';
import type { PullerParts } from './parts.js';
import { describeFailure, isFinal } from './pull-failure.js';

/** Makes a pulled image visible, then has its new layers looked into. */
export async function publishPull(parts: PullerParts, { pullId }: { pullId: string }): Promise<void> {
  try {
    const publication = await publish(parts.content, pullId);
    if (publication.state === 'fetching') await refetch(parts, publication.missing);
    else if (publication.outcome === 'downloaded') await lookInto(parts, publication.layers);
  } catch (error) {
    if (error instanceof PullEndedError) return;
    if (!isFinal(error)) throw error;
    parts.logger.info({ pullId, err: error }, 'pull failed');
    await failPull(parts.content, pullId, describeFailure(error));
  }
}

/** After a long standstill something that was here may be gone. */
async function refetch({ queue }: PullerParts, missing: readonly Digest[]): Promise<void> {
  await queue.enqueueMany(
    fetchBlob,
    missing.map((digest) => ({ digest })),
  );
}

/** A layer that was read before is known to lie or not at once. */
async function lookInto({ content, analysis, logger }: PullerParts, blobs: readonly Digest[]): Promise<void> {
  const broken = await markBrokenImages(content.database.prisma, blobs);
  if (broken.length > 0) logger.warn({ images: broken }, 'images whose configuration does not match a layer');
  analysis.add(blobs);
}
