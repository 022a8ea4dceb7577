import * as jobs from '@entrepot/jobs';
import type { Descriptor } from '@entrepot/oci';
import { fetchBatchBlob, fetchBlob } from './fetch-blob.js';
import type { PullerParts } from './parts.js';

/** The bytes of a larger blob take longer than its job costs, and other processes may have nothing else to do. */
const smallBytes = 32 * 1024 * 1024;
/** Of one pull; of what is more, others take their share. */
const ownBytes = 64 * 1024 * 1024;
/** A configuration, or a layer with a few files: it is over as soon as it has begun. */
const tinyBytes = 64 * 1024;
/** A blob that has come waits so long for the others of its pull. */
const lingerMs = 15;

const ways = {
  interactive: { job: jobs.fetchBlob, fetch: fetchBlob },
  batch: { job: jobs.fetchBatchBlob, fetch: fetchBatchBlob },
} as const;

/**
 * Has blobs fetched, in this order: small ones by this process where it has a slot to spare, the others by whoever takes
 * their jobs. Does not wait for them. What this process does not end, for whatever reason, the sweep finds.
 */
export async function fetchMissing(parts: PullerParts, kind: keyof typeof ways, blobs: readonly Blob[]): Promise<void> {
  const own = new Set(parts.slots.hasIdle ? chooseOwn(blobs) : []);
  const left = blobs.filter((blob) => !own.has(blob)).map(({ digest }) => ({ digest }));
  const convoy = new Convoy(own.size);
  for (const blob of own) parts.ownFetches.start((signal) => fetchHere(parts, kind, blob, { signal, convoy }));
  await parts.queue.enqueueMany(ways[kind].job, left);
}

type Blob = Pick<Descriptor, 'digest' | 'sizeBytes'>;

function chooseOwn(blobs: readonly Blob[]): Blob[] {
  let leftBytes = ownBytes;
  return blobs.filter(({ sizeBytes }) => {
    if (sizeBytes > Math.min(smallBytes, leftBytes)) return false;
    leftBytes -= sizeBytes;
    return true;
  });
}

/** A blob without a job. When it does not come at once it gets one, unless another process has it. */
async function fetchHere(
  parts: PullerParts,
  kind: keyof typeof ways,
  { digest, sizeBytes }: Blob,
  { signal, convoy }: { signal: AbortSignal; convoy: Convoy },
): Promise<void> {
  const { job, fetch } = ways[kind];
  const slots = sizeBytes <= tinyBytes ? parts.tinySlots : parts.slots;
  const member = convoy.join();
  const left = await fetch(parts, { digest }, { signal, lastAttempt: false, onStored: () => member.arrive() }, slots)
    .catch((error: unknown) => {
      if (!signal.aborted) parts.logger.info({ digest, err: error }, 'fetch is tried again');
      return { retryAt: new Date() };
    })
    .finally(() => member.leave());
  if (left === undefined) return;
  await parts.queue.enqueue(job, { digest }, { delayMs: Math.max(left.retryAt.getTime() - Date.now(), 0) });
}

/** Those that arrive close to each other go on at the same moment, so that they can be admitted together. */
class Convoy {
  readonly #waiting: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(private underWay: number) {}

  /** Each leaves, whether it has arrived or not. */
  join(): { arrive(): Promise<void>; leave(): void } {
    let isUnderWay = true;
    const leave = (): void => {
      if (isUnderWay) this.underWay -= 1;
      isUnderWay = false;
      if (this.underWay === 0) this.#goOn();
    };
    const arrive = (): Promise<void> => {
      const goesOn = new Promise<void>((resolve) => this.#waiting.push(resolve));
      this.#timer ??= setTimeout(() => this.#goOn(), lingerMs);
      leave();
      return goesOn;
    };
    return { arrive, leave };
  }

  #goOn(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** What this process fetches without a job. */
export class OwnFetches {
  readonly #stopping = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(private readonly onError: (error: unknown) => void) {}

  start(work: (signal: AbortSignal) => Promise<void>): void {
    const run = work(this.#stopping.signal)
      .catch(this.onError)
      .finally(() => this.#running.delete(run));
    this.#running.add(run);
  }

  /** Lets go of what is under way, so that others can go on with it. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the puller stops'));
    await Promise.all(this.#running);
  }
}
