import {
  findPull,
  finishPull,
  leaseBlobs,
  listPlannedBlobs,
  listPlannedManifests,
  lockPull,
  type PlannedBlob,
  type PullOutcome,
  type PullRow,
  queueFetches,
  sendPullBack,
  type Tx,
} from '@entrepot/database';
import { type Digest, maxImageConfigBytes, parseReference, type Reference, repositoryName } from '@entrepot/oci';
import { type ContentContext, pullLeaseMs, pullOwner } from './context.js';
import { imageConfigOf, type PublishedManifest } from './describe-image.js';
import { PullEndedError } from './errors.js';
import { type PublishedImage, publishImages } from './publish.js';
import { readBlob } from './read-blob.js';

/** What publishing a pull came to. `missing` are blobs that went meanwhile and are to be fetched again. */
export type PullPublication =
  | { state: 'done'; outcome: PullOutcome; layers: Digest[] }
  | { state: 'fetching'; missing: Digest[] };

/**
 * Makes a pulled image visible in one transaction, and ends the pull. Idempotent: a pull that is done says so again.
 * `layers` are those of the pull, to be analysed.
 *
 * @throws {PullEndedError} failed, cancelled, or still missing something
 * @throws {InvalidImageError} manifest and config do not fit; fail the pull
 */
export async function publishPull(context: ContentContext, pullId: string): Promise<PullPublication> {
  const { prisma } = context.database;
  const pull = await findPull(prisma, pullId);
  const blobs = await listPlannedBlobs(prisma, pullId);
  if (pull?.state === 'done') return doneWith(pull.outcome ?? 'up-to-date', blobs);
  if (pull?.state !== 'publishing') throw new PullEndedError(pullId, pull?.state ?? 'forgotten');
  const missing = await renewPlan(context, pullId, blobs);
  if (missing.length > 0) return { state: 'fetching', missing };
  const image = imageOf(pull, await readPlan(context, pullId));
  const outcome = await context.database.transaction(async (tx) => await publishLocked(tx, pullId, image));
  return doneWith(outcome, blobs);
}

function doneWith(outcome: PullOutcome, blobs: readonly PlannedBlob[]): PullPublication {
  return { state: 'done', outcome, layers: blobs.map(({ digest }) => digest) };
}

/** After a long standstill leases may have run out and blobs be gone; those are fetched again. */
async function renewPlan(context: ContentContext, pullId: string, blobs: readonly PlannedBlob[]): Promise<Digest[]> {
  return await context.database.transaction(async (tx) => {
    const digests = blobs.map(({ digest }) => digest);
    const here = new Set(await leaseBlobs(tx, pullOwner(pullId), digests, pullLeaseMs));
    const missing = blobs.filter(({ digest }) => !here.has(digest));
    if (missing.length === 0) return [];
    await queueFetches(tx, missing);
    await sendPullBack(tx, pullId);
    return missing.map(({ digest }) => digest);
  });
}

async function readPlan(context: ContentContext, pullId: string): Promise<PublishedManifest[]> {
  const manifests = await listPlannedManifests(context.database.prisma, pullId);
  return await Promise.all(
    manifests.map(async (manifest) => {
      const config = imageConfigOf(manifest);
      if (config === null) return manifest;
      return { ...manifest, config: await readBlob(context, config, maxImageConfigBytes) };
    }),
  );
}

function imageOf(pull: PullRow, manifests: PublishedManifest[]): PublishedImage {
  const reference: Reference = parseReference(pull.reference);
  const { targetDigest: target, shownDigest: shown } = pull;
  if (target === null || shown === null) throw new PullEndedError(pull.id, 'without a plan');
  // A digest beside the tag says what to fetch; the tag is not set then, as Docker does it.
  const tag = reference.digest === undefined ? reference.tag : undefined;
  return { names: [{ repository: repositoryName(reference), tag }], target, shown, manifests, fromRegistry: true };
}

async function publishLocked(tx: Tx, pullId: string, image: PublishedImage): Promise<PullOutcome> {
  const pull = await lockPull(tx, pullId);
  if (pull?.state === 'done') return pull.outcome ?? 'up-to-date';
  if (pull?.state !== 'publishing') throw new PullEndedError(pullId, pull?.state ?? 'forgotten');
  const [result] = await publishImages(tx, [image], { action: 'pull', pullId });
  const outcome = result?.changed ? 'downloaded' : 'up-to-date';
  await finishPull(tx, pullId, { state: 'done', outcome });
  return outcome;
}
