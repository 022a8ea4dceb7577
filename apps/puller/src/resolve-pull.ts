import { failPull, getPull, PullEndedError, parkPull, savePlan } from '@entrepot/content';
import { findManifests, finishCurrentPull, type PullRow } from '@entrepot/database';
import { type JobContext, publishPull as publishPullJob } from '@entrepot/jobs';
import {
  type Digest,
  defaultPlatform,
  familiarRepository,
  type ImageManifest,
  parsePlatform,
  parseReference,
  repositoryName,
} from '@entrepot/oci';
import { RegistryError, RegistryLimitedError } from '@entrepot/registry-client';
import { checkTrust } from './check-trust.js';
import { type ChosenImage, chooseManifest } from './choose-manifest.js';
import { fetchMissing } from './fetch-missing.js';
import { PullDocuments } from './find-target.js';
import { type FoundArtifact, gatherArtifacts } from './gather-artifacts.js';
import { ManifestShelf } from './manifest-shelf.js';
import { openCredential, type PullerParts } from './parts.js';
import { publishPull } from './publish-pull.js';
import { describeFailure, isFinal, waitLine } from './pull-failure.js';
import { checkSupported } from './supported-image.js';

/** What a batch does with a registry that cannot be reached: so often again, with growing waits. */
const batchTries = 5;
const firstBatchWaitMs = 5_000;
/** How long it lets people go first before it looks again. */
const stepBackMs = 300;

/** Finds out what a pull needs and has it fetched, or published when all of it is here. */
export async function resolvePull(
  parts: PullerParts,
  { pullId }: { pullId: string },
  job: Pick<JobContext, 'signal' | 'lastAttempt'>,
): Promise<{ retryAt: Date } | undefined> {
  const pull = await findQueued(parts, pullId);
  if (!pull) return;
  if (pull.kind !== 'batch') return await resolve(parts, pull, job);
  const done = await parts.courtesy.attempt(() => resolve(parts, pull, job));
  // Not waited for here: the worker is needed for those who must not wait.
  return done === null ? { retryAt: new Date(Date.now() + stepBackMs) } : done.result;
}

async function resolve(
  parts: PullerParts,
  pull: PullRow,
  job: Pick<JobContext, 'signal' | 'lastAttempt'>,
): Promise<{ retryAt: Date } | undefined> {
  try {
    const credential = openCredential(parts, pull.credential);
    const request = { credential, signal: job.signal, isBatch: pull.kind === 'batch' };
    const documents = new PullDocuments(parts, {
      ...{ ...request, reference: pull.reference, shelf: new ManifestShelf(parts.content) },
    });
    const target = await documents.target();
    const chosen = await chooseManifest(target, wantedPlatform(pull), documents);
    checkSupported(chosen.image);
    await checkTrust(parts, pull, chosen.path, request);
    const artifacts = await gatherArtifacts(parts, pull, chosen, documents, request);
    if ((await areHere(parts, artifacts)) && (await isCurrent(parts, pull, target.digest, chosen.shown))) return;
    await startFetching(parts, pull, target.digest, chosen, artifacts);
  } catch (error) {
    return await giveUpOrWait(parts, pull, error, job);
  }
}

async function findQueued(parts: PullerParts, pullId: string): Promise<PullRow | null> {
  try {
    const pull = await getPull(parts.content, pullId);
    return pull.state === 'queued' ? pull : null;
  } catch (error) {
    if (error instanceof PullEndedError) return null;
    throw error;
  }
}

const wantedPlatform = (pull: PullRow) => (pull.platform === null ? defaultPlatform : parsePlatform(pull.platform));

/** An image that is here may have been signed since. */
async function areHere({ content }: PullerParts, artifacts: readonly FoundArtifact[]): Promise<boolean> {
  if (artifacts.length === 0) return true;
  const digests = artifacts.map(({ digest }) => digest);
  return (await findManifests(content.database.prisma, digests)).length === digests.length;
}

/** Most pulls find what is here already under that name. */
async function isCurrent(parts: PullerParts, pull: PullRow, target: Digest, shown: Digest): Promise<boolean> {
  const { digest, tag = null, ...name } = parseReference(pull.reference);
  const repository = repositoryName(name);
  const eventName = familiarRepository(repository);
  const byDigest = digest !== undefined || tag === null;
  return finishCurrentPull(parts.content.database.prisma, pull.id, {
    repository,
    tag: byDigest ? null : tag,
    target,
    shown,
    eventName,
    eventActor: byDigest ? `${eventName}@${target}` : `${eventName}:${tag}`,
  });
}

async function startFetching(
  parts: PullerParts,
  pull: PullRow,
  target: Digest,
  chosen: ChosenImage,
  artifacts: readonly FoundArtifact[],
): Promise<void> {
  const { shown, image, path } = chosen;
  const blobs = [image, ...artifacts.map(({ manifest }) => manifest)].flatMap(({ config, layers }) => [
    config,
    ...layers,
  ]);
  const manifests = [...path, ...artifacts];
  const { missing, complete, duePulls } = await savePlan(parts.content, pull.id, { target, shown, manifests, blobs });
  if (complete) await publishPull(parts, { pullId: pull.id });
  const sizes = new Map(blobs.map(({ digest, sizeBytes }) => [digest, sizeBytes]));
  const wanted = missing.map((digest) => ({ digest, sizeBytes: sizes.get(digest) ?? 0 }));
  await fetchMissing(parts, pull.kind, configThenLargest(image, wanted));
  await parts.queue.enqueueMany(
    publishPullJob,
    duePulls.map((pullId) => ({ pullId })),
  );
}

/** The config tells early whether all of it makes sense; the largest layer decides when it ends. */
function configThenLargest<T extends { digest: Digest; sizeBytes: number }>(
  { config }: ImageManifest,
  blobs: readonly T[],
): T[] {
  const weight = ({ digest, sizeBytes }: T) => (digest === config.digest ? Number.POSITIVE_INFINITY : sizeBytes);
  return [...blobs].sort((a, b) => weight(b) - weight(a));
}

async function giveUpOrWait(
  parts: PullerParts,
  pull: PullRow,
  error: unknown,
  job: Pick<JobContext, 'signal' | 'lastAttempt'>,
): Promise<{ retryAt: Date } | undefined> {
  if (error instanceof PullEndedError) return;
  if (job.signal.aborted) throw error;
  if (error instanceof RegistryLimitedError) return park(parts, pull, error.until, waitLine(error), error);
  if (error instanceof RegistryError && error.retryable && pull.kind === 'batch' && pull.attempts + 1 < batchTries) {
    return park(parts, pull, new Date(Date.now() + firstBatchWaitMs * 2 ** pull.attempts), error.message, error);
  }
  if (!isFinal(error) && !job.lastAttempt) throw error;
  parts.logger.info({ pullId: pull.id, reference: pull.reference, err: error }, 'pull failed');
  await failPull(parts.content, pull.id, describeFailure(error));
}

async function park(
  parts: PullerParts,
  pull: PullRow,
  until: Date,
  line: string,
  error: RegistryError,
): Promise<{ retryAt: Date } | undefined> {
  const failed = !(error instanceof RegistryLimitedError);
  const { ended } = await parkPull(parts.content, pull.id, { until, line, failed, error: describeFailure(error) });
  return ended ? undefined : { retryAt: until };
}
