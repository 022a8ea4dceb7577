import { encodePlan, planBlobs, planArchive as planSegments } from '@entrepot/archive';
import {
  type ArchiveRow,
  archiveOwner,
  type Database,
  failArchive,
  findArchive,
  leaseBlobs,
  saveArchivePlan,
  type Tx,
} from '@entrepot/database';
import type { Logger } from '@entrepot/observability';
import { isCodedError, parsePlatform } from '@entrepot/oci';
import { gatherImages, type SaveWish } from './gather-images.js';

/** What planning needs. */
export interface PlanParts {
  database: Database;
  logger: Logger;
}

/** How long the blobs are kept at least for whoever asked; the service that streams them renews. */
const leastLeaseMs = 90_000;

/** Plans one archive from the database alone, and keeps its blobs. A no-op when it was planned or given up. */
export async function planArchive(
  { database, logger }: PlanParts,
  { archiveId }: { archiveId: string },
): Promise<void> {
  const archive = await findArchive(database.prisma, archiveId);
  if (archive?.state !== 'queued') return;
  try {
    await database.transaction((tx) => planInside(tx, archive));
  } catch (error) {
    if (!isCodedError(error) || error.retryable) throw error;
    logger.info({ archiveId, err: error }, 'archive cannot be planned');
    await failArchive(database.prisma, archiveId, { code: error.code, message: error.message });
  }
}

async function planInside(tx: Tx, { id: archiveId, request, leftMs }: ArchiveRow): Promise<void> {
  const { images, imageIds } = await gatherImages(tx, wishOf(request));
  const plan = planSegments(images);
  const blobs = planBlobs(plan);
  const kept = await leaseBlobs(tx, archiveOwner(archiveId), blobs, Math.max(leftMs, leastLeaseMs));
  if (kept.length < new Set(blobs).size) throw new ContentMovedError(archiveId);
  const { sizeBytes, etag } = plan;
  await saveArchivePlan(tx, archiveId, { plan: { archive: encodePlan(plan), imageIds }, sizeBytes, etag });
}

/** As catalog wrote it. */
function wishOf(request: unknown): SaveWish {
  const { names, platform } = request as { names: string[]; platform: string | null };
  return { names, platform: platform === null ? null : parsePlatform(platform) };
}

/** Something was removed while it was planned; the next try sees what is left. */
export class ContentMovedError extends Error {
  override readonly name = 'ContentMovedError';
  readonly code = 'CONTENT_MOVED' as const;
  readonly retryable = true;

  constructor(readonly archiveId: string) {
    super(`archive ${archiveId}: content was removed while it was planned`);
  }
}
