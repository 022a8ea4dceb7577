import {
  findPull,
  finishPulls,
  listPlannedBlobs,
  listPlannedManifests,
  lockPull,
  type PullOutcome,
  type PullRow,
  sendPullBack,
  type Tx,
} from '@entrepot/database';
import { type Digest, maxImageConfigBytes, parseReference, type Reference, repositoryName } from '@entrepot/oci';
import type { ContentContext } from './context.js';
import { imageConfigOf, type PublishedManifest } from './describe-image.js';
import { BlobGoneError, PullEndedError } from './errors.js';
import { leaseOrQueue } from './lease-or-queue.js';
import { type PublishedImage, publishImages } from './publish.js';
import { readBlob } from './read-blob.js';

/** What publishing a pull came to. `missing` are blobs that went meanwhile and are to be fetched again. */
export type PullPublication =
  | { state: 'done'; outcome: PullOutcome; layers: Digest[] }
  | { state: 'fetching'; missing: Digest[] };

/**
 * Makes a pulled image visible in one transaction, and ends the pull. Idempotent: a pull that is done says so again.
 * `layers` are the blobs of the pull, to be analysed.
 *
 * @throws {PullEndedError} failed, cancelled, or still missing something
 * @throws {InvalidImageError} manifest and config do not fit; fail the pull
 */
export async function publishPull(context: ContentContext, pullId: string): Promise<PullPublication> {
  for (;;) {
    const pull = await findPull(context.database.prisma, pullId);
    const image = pull?.state === 'publishing' ? await readImage(context, pull) : null;
    const inItsName = context.database.as(pull?.caller ?? null);
    const published = await inItsName.transaction((tx) => publishLocked(tx, pullId, image));
    if (published !== null) return published;
  }
}

/** Null when a config is gone, which the transaction will find out too. */
async function readImage(context: ContentContext, pull: PullRow): Promise<PublishedImage | null> {
  try {
    const manifests = await Promise.all(
      (await listPlannedManifests(context.database.prisma, pull.id)).map(async (manifest) => {
        const config = imageConfigOf(manifest);
        return config === null
          ? manifest
          : { ...manifest, config: await readBlob(context, config, maxImageConfigBytes) };
      }),
    );
    return imageOf(pull, manifests);
  } catch (error) {
    if (error instanceof BlobGoneError) return null;
    throw error;
  }
}

function imageOf(pull: PullRow, manifests: PublishedManifest[]): PublishedImage {
  const reference: Reference = parseReference(pull.reference);
  const { targetDigest: target, shownDigest: shown } = pull;
  if (target === null || shown === null) throw new PullEndedError(pull.id, 'without a plan');
  // A digest beside the tag says what to fetch; the tag is not set then, as Docker does it.
  const tag = reference.digest === undefined ? reference.tag : undefined;
  return { names: [{ repository: repositoryName(reference), tag }], target, shown, manifests, fromRegistry: true };
}

/** Null when the image has to be read again, because its config came back meanwhile. */
async function publishLocked(tx: Tx, pullId: string, image: PublishedImage | null): Promise<PullPublication | null> {
  const pull = await lockPull(tx, pullId);
  const blobs = await listPlannedBlobs(tx, pullId);
  const layers = blobs.map(({ digest }) => digest);
  if (pull?.state === 'done') return { state: 'done', outcome: pull.outcome ?? 'up-to-date', layers };
  if (pull?.state !== 'publishing') throw new PullEndedError(pullId, pull?.state ?? 'forgotten');
  // After a long standstill leases may have run out and blobs be gone; those are fetched again.
  const { missing } = await leaseOrQueue(tx, pullId, blobs);
  if (missing.length > 0) {
    await sendPullBack(tx, pullId);
    return { state: 'fetching', missing };
  }
  if (image === null) return null;
  const [result] = await publishImages(tx, [image], { action: 'pull', pullId });
  const outcome = result?.changed ? 'downloaded' : 'up-to-date';
  await finishPulls(tx, [pullId], { state: 'done', outcome });
  return { state: 'done', outcome, layers };
}
