import { setMaxListeners } from 'node:events';
import {
  endPlanning,
  type PlanningRound,
  type ResolvedItem,
  savePlanningRound,
  takeQueuedItems,
} from '@entrepot/content';
import type { PlannedManifest, PullFailure, QueuedItem } from '@entrepot/database';
import type { JobContext } from '@entrepot/jobs';
import {
  type Digest,
  defaultPlatform,
  type ImageManifest,
  parsePlatform,
  parseReference,
  repositoryName,
} from '@entrepot/oci';
import { RegistryError, RegistryLimitedError } from '@entrepot/registry-client';
import { chooseManifest, type FoundManifest } from './choose-manifest.js';
import { PullDocuments } from './find-target.js';
import { ManifestShelf, type ShelvedManifest } from './manifest-shelf.js';
import type { PullerParts } from './parts.js';
import { describeFailure, isFinal, waitLine } from './pull-failure.js';
import { checkSupported } from './supported-image.js';

/** Items that are written down together. */
const roundItems = 500;
/** Items that are asked for side by side. */
const lookAhead = 48;
/** A registry in trouble is tried so often, with growing waits. */
const planTries = 5;
const firstWaitMs = 2_000;

type Outcome =
  | { resolved: ResolvedItem }
  | { failed: { position: number; error: PullFailure } }
  | { limited: PlanningRound['limited'][number] };

/**
 * Plans a batch: what each item needs, what all of them together need, whether it fits. Nothing is fetched but
 * manifests, which are kept for the pulls. Whoever plans it after a crash goes on where it stood.
 */
export async function planBatch(
  parts: PullerParts,
  { batchId }: { batchId: string },
  job: Pick<JobContext, 'signal'>,
): Promise<{ retryAt: Date } | undefined> {
  setMaxListeners(0, job.signal);
  const shelf = new PlanShelf(new ManifestShelf(parts.content));
  for (;;) {
    job.signal.throwIfAborted();
    const items = await takeQueuedItems(parts.content, batchId, parts.owner, roundItems);
    if (items === null) return;
    if (items.length === 0) break;
    await savePlanningRound(parts.content, batchId, await new Round(parts, shelf, job.signal).plan(items));
  }
  const { retryAt } = await endPlanning(parts.content, batchId, parts.owner, await parts.freeBytes());
  return retryAt === null ? undefined : { retryAt };
}

/** Plans some items side by side; what one of them learnt spares the others a question. */
class Round {
  readonly #manifests: PlannedManifest[] = [];
  readonly #targets = new Map<string, Promise<FoundManifest>>();
  /** Registries that refused or were not there in this round: nobody else asks them. */
  readonly #waiting = new Map<string, Outcome>();

  constructor(
    private readonly parts: PullerParts,
    private readonly shelf: PlanShelf,
    private readonly signal: AbortSignal,
  ) {}

  async plan(items: readonly QueuedItem[]): Promise<PlanningRound> {
    const outcomes: Outcome[] = [];
    const waiting = items.values();
    const work = async (): Promise<void> => {
      for (const item of waiting) outcomes.push(await this.#planOne(item));
    };
    await Promise.all(Array.from({ length: Math.min(lookAhead, items.length) }, work));
    return {
      resolved: outcomes.flatMap((outcome) => ('resolved' in outcome ? [outcome.resolved] : [])),
      failed: outcomes.flatMap((outcome) => ('failed' in outcome ? [outcome.failed] : [])),
      limited: outcomes.flatMap((outcome) => ('limited' in outcome ? [outcome.limited] : [])),
      manifests: this.#manifests,
    };
  }

  async #planOne(item: QueuedItem): Promise<Outcome> {
    const known = this.#waiting.get(item.host);
    if (known) return known;
    try {
      return { resolved: await this.#resolve(item) };
    } catch (error) {
      if (this.signal.aborted) throw error;
      if (!isFinal(error)) throw error;
      const wait = waitFor(item, error);
      if (wait === null) return { failed: { position: item.position, error: describeFailure(error) } };
      this.#waiting.set(item.host, { limited: wait });
      return { limited: wait };
    }
  }

  /** The platforms of one image are asked for together. */
  #targetOf(reference: string, documents: PullDocuments): Promise<FoundManifest> {
    const target = this.#targets.get(reference) ?? documents.target();
    this.#targets.set(reference, target);
    return target;
  }

  async #resolve(item: QueuedItem): Promise<ResolvedItem> {
    const reference = parseReference(item.reference);
    let manifestRequests = 0;
    const documents = new PullDocuments(this.parts, {
      reference: item.reference,
      signal: this.signal,
      isBatch: true,
      shelf: this.shelf,
      onManifest: (manifest) => {
        manifestRequests += 1;
        this.shelf.put(manifest);
        this.#manifests.push(manifest);
      },
    });
    const target = await this.#targetOf(item.reference, documents);
    const wanted = item.platform === null ? defaultPlatform : parsePlatform(item.platform);
    const { shown, image } = await chooseManifest(target, wanted, documents);
    checkSupported(image);
    const byDigest = reference.digest !== undefined || reference.tag === undefined;
    return {
      position: item.position,
      host: item.host,
      repository: repositoryName(reference),
      tag: byDigest ? null : (reference.tag ?? null),
      target: target.digest,
      shown,
      platform: item.platform !== null,
      blobs: blobsOf(image),
      manifestRequests,
    };
  }
}

/** How long the items of a registry wait that refuses or is not there; null when that would not help. */
function waitFor({ host, attempts }: QueuedItem, error: unknown): PlanningRound['limited'][number] | null {
  if (error instanceof RegistryLimitedError) {
    const words = { ...describeFailure(error), message: waitLine(error) };
    return { host, until: error.until, error: words, failed: false };
  }
  if (!(error instanceof RegistryError) || !error.retryable || attempts + 1 >= planTries) return null;
  const until = new Date(Date.now() + firstWaitMs * 2 ** attempts);
  return { host, until, error: describeFailure(error), failed: true };
}

function blobsOf({ config, layers }: ImageManifest): { digest: Digest; sizeBytes: number }[] {
  return [config, ...layers].map(({ digest, sizeBytes }) => ({ digest, sizeBytes }));
}

/** How many bytes of manifests one planning keeps at hand. */
const mostShelfBytes = 32 * 1024 * 1024;

/** A shelf that remembers what it was given and what it found: the images of one batch have much in common. */
class PlanShelf {
  readonly #known = new Map<Digest, ShelvedManifest>();
  #bytes = 0;

  constructor(private readonly stored: ManifestShelf) {}

  async find(digest: Digest): Promise<ShelvedManifest | null> {
    const known = this.#known.get(digest);
    if (known !== undefined) return known;
    const found = await this.stored.find(digest);
    if (found !== null) this.put(found);
    return found ?? this.#known.get(digest) ?? null;
  }

  put(manifest: ShelvedManifest): void {
    if (this.#known.has(manifest.digest)) return;
    this.#known.set(manifest.digest, manifest);
    this.#bytes += manifest.bytes.length;
    for (const [oldest, { bytes }] of this.#known) {
      if (this.#bytes <= mostShelfBytes) break;
      this.#known.delete(oldest);
      this.#bytes -= bytes.length;
    }
  }
}
