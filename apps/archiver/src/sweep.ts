import {
  deleteOldEvents,
  deleteOldKeys,
  listQueuedArchives,
  listUnanalysedLayers,
  listUnlistedLayers,
  listUnsoughtLayers,
  listWantedLayers,
} from '@entrepot/database';
import { jobCatalogue } from '@entrepot/jobs';
import type { ArchiverParts } from './providers.js';

const batch = 500;
/** Those stored later have a job of their own that waits on purpose. */
const analysisOverdueMs = 15_000;
const wantedOverdueMs = 2_000;
const keepEventsMs = 7 * 24 * 60 * 60_000;
const keepKeysMs = 24 * 60 * 60_000;

/** Asks again for what the database says is due, whether its job was lost or only waits. */
export async function sweep({ content, queue }: Pick<ArchiverParts, 'content' | 'queue'>): Promise<void> {
  const { prisma } = content.database;
  for (const [kind, job] of [
    ['save', jobCatalogue.planArchive],
    ['load', jobCatalogue.loadArchive],
  ] as const) {
    const archives = await listQueuedArchives(prisma, kind, batch);
    await queue.enqueueMany(
      job,
      archives.map((archiveId) => ({ archiveId })),
    );
  }
  const layers = await listUnanalysedLayers(prisma, { storedForMs: analysisOverdueMs, limit: batch });
  await queue.enqueueMany(
    jobCatalogue.analyseLayer,
    layers.map((digest) => ({ digest })),
  );
  const wanted = await listWantedLayers(prisma, { wantedForMs: wantedOverdueMs, limit: batch });
  await queue.enqueueMany(
    jobCatalogue.analyseLayerNow,
    wanted.map((digest) => ({ digest })),
  );
  const unlisted = await listUnlistedLayers(prisma, batch);
  await queue.enqueueMany(
    jobCatalogue.listLayerFiles,
    unlisted.map((digest) => ({ digest })),
  );
  const unsought = await listUnsoughtLayers(prisma, batch);
  await queue.enqueueMany(
    jobCatalogue.findSeekPoints,
    unsought.map((digest) => ({ digest })),
  );
}

/** Forgets what happened long ago. */
export async function forget({ content }: Pick<ArchiverParts, 'content'>): Promise<void> {
  await deleteOldEvents(content.database.prisma, keepEventsMs);
  await deleteOldKeys(content.database.prisma, keepKeysMs);
}
