import { BlobStoreFullError } from '@entrepot/blob-store';
import {
  BlobMismatchError,
  type FetchClaim,
  FetchLostError,
  type FetchSource,
  fetchCancelTopic,
  type Ingest,
  noteFetch,
  openFetchIngest,
  reportFetch,
  type StoredObject,
} from '@entrepot/content';
import { noteSpeed } from '@entrepot/database';
import { parseRepository, shortDigest } from '@entrepot/oci';
import { ContentMismatchError, RegistryError, type RequestContext } from '@entrepot/registry-client';
import { chunkBytes, longestChunkMs } from './lane-policy.js';
import { openCredential, type PullerParts } from './parts.js';
import type { TransferSlot } from './transfer-slots.js';

const reportEveryMs = 400;
/** Without progress the claim must be renewed all the same. */
const renewEveryMs = 5_000;

/**
 * Brings one blob into the store while it is downloaded, going on where somebody left off. Wrong bytes are thrown away
 * and asked for once more, from the first byte and from the registry itself.
 *
 * @throws {TransferStoppedError} it was asked to give way; what came is kept
 * @throws {FetchUnwantedError} no pull waits for it any more; what came is kept for a while
 * @throws {FetchLostError} another worker has it
 */
export async function transferBlob(
  parts: PullerParts,
  claim: FetchClaim,
  source: FetchSource,
  slot: TransferSlot,
  signal: AbortSignal,
): Promise<StoredObject> {
  try {
    return await transferOnce(parts, claim, source, { slot, signal });
  } catch (error) {
    if (!(error instanceof BlobMismatchError || error instanceof ContentMismatchError)) throw error;
    parts.logger.warn(
      { digest: claim.digest, repository: source.repository, err: error },
      'wrong bytes, starting again',
    );
    return await transferOnce(parts, claim, source, { slot, signal, withoutMirrors: true, fresh: true });
  }
}

async function transferOnce(
  parts: PullerParts,
  claim: FetchClaim,
  source: FetchSource,
  options: { slot: TransferSlot; signal: AbortSignal; withoutMirrors?: boolean; fresh?: boolean },
): Promise<StoredObject> {
  const credential = openCredential(parts, source.credential);
  const ingest = await openFetchIngest(parts.content, claim, { fresh: options.fresh });
  const reports = new FetchReports(parts, claim, ingest, options.slot);
  const startedAtMs = performance.now();
  try {
    await parts.registry.downloadBlob(source.repository, source.descriptor, {
      fromByte: ingest.offsetBytes,
      onChunk: (chunk) => {
        reports.take(chunk.length);
        return ingest.write(chunk);
      },
      credential,
      isBatch: options.slot.lane === 'batch',
      onYield: () => reports.giveWay(),
      withoutMirrors: options.withoutMirrors,
      signal: AbortSignal.any([options.signal, reports.signal]),
      onRetry: (retry) => void tellRetry(parts, claim, retry),
    });
    const speed = tellSpeed(parts, source, reports.bytesDone - ingest.offsetBytes, performance.now() - startedAtMs);
    const stored = await ingest.finish();
    await speed;
    return stored;
  } catch (error) {
    const reason = reports.signal.aborted ? reports.signal.reason : error;
    await (isWorthKeeping(reason, reports.bytesDone) ? ingest.suspend() : ingest.abort());
    throw reason;
  } finally {
    await reports.stop();
  }
}

/** Only bytes that nobody doubts are worth a second look, and only where there is room for the rest. */
function isWorthKeeping(error: unknown, bytesDone: number): boolean {
  if (error instanceof FetchLostError) return true;
  if (error instanceof BlobStoreFullError) return false;
  const isDoubtful = error instanceof BlobMismatchError || (error instanceof RegistryError && !error.retryable);
  return bytesDone > 0 && !isDoubtful;
}

/** What is small says little about a registry's speed. */
const tellingBytes = 1024 * 1024;

async function tellSpeed(
  { content, logger }: PullerParts,
  { repository }: FetchSource,
  bytes: number,
  ms: number,
): Promise<void> {
  if (bytes < tellingBytes) return;
  const { domain } = parseRepository(repository);
  await noteSpeed(content.database.prisma, domain, (bytes * 1000) / Math.max(ms, 1)).catch((error: unknown) =>
    logger.warn({ err: error }, 'the speed of a registry was not noted'),
  );
}

async function tellRetry(
  { content, logger }: PullerParts,
  { digest }: FetchClaim,
  retry: Parameters<NonNullable<RequestContext['onRetry']>>[0],
): Promise<void> {
  const seconds = Math.max(1, Math.round(retry.delayMs / 1_000));
  const line = `Retrying in ${seconds} second${seconds === 1 ? '' : 's'} (${retry.host}: ${retry.reason})`;
  await noteFetch(content, digest, `${shortDigest(digest)}: ${line}`).catch((error: unknown) =>
    logger.warn({ err: error }, 'no line for a retry'),
  );
}

/** Says how far a fetch is, keeps its claim, and stops it when nobody wants it or somebody else has it. */
class FetchReports {
  bytesDone: number;
  readonly #stopping = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #unsubscribe: () => void;
  #reportedBytes = -1;
  #reportedAtMs = performance.now();
  #running: Promise<void> | undefined;
  #askedAgain = false;
  #stopped = false;

  constructor(
    private readonly parts: PullerParts,
    private readonly claim: FetchClaim,
    private readonly ingest: Ingest,
    private readonly slot: TransferSlot,
  ) {
    this.bytesDone = ingest.offsetBytes;
    this.#timer = setInterval(() => this.#tick(), reportEveryMs);
    this.#unsubscribe = parts.content.database.signals.on(fetchCancelTopic(claim.digest), () => this.#lookAgain());
  }

  /** Aborted with the reason why the fetch must end. */
  get signal(): AbortSignal {
    return this.#stopping.signal;
  }

  /** Bytes have come. A transfer that was asked to give way does so between two chunks. */
  take(bytes: number): void {
    const chunk = Math.floor(this.bytesDone / chunkBytes);
    this.bytesDone += bytes;
    this.slot.count(bytes);
    if (this.slot.stopAskedAtMs !== null && Math.floor(this.bytesDone / chunkBytes) > chunk) this.giveWay();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    this.#unsubscribe();
    await this.#running;
  }

  #tick(): void {
    const askedAtMs = this.slot.stopAskedAtMs;
    if (askedAtMs !== null && performance.now() - askedAtMs >= longestChunkMs) this.giveWay();
    const isSilent = this.bytesDone === this.#reportedBytes && performance.now() - this.#reportedAtMs < renewEveryMs;
    if (!isSilent) this.#start();
  }

  /** Somebody waits for what this transfer holds. Not for one that is itself waited for. */
  giveWay(): void {
    if (this.slot.lane !== 'batch') return;
    this.#stopping.abort(new TransferStoppedError(this.claim.digest));
  }

  /** A report that is under way may have been answered before whatever this is about. */
  #lookAgain(): void {
    if (this.#running) this.#askedAgain = true;
    else this.#start();
  }

  #start(): void {
    if (this.#stopped || this.#running) return;
    this.#running = this.#report().finally(() => {
      this.#running = undefined;
      if (this.#askedAgain) this.#start();
    });
    this.#askedAgain = false;
  }

  async #report(): Promise<void> {
    const { bytesDone } = this;
    try {
      const { wanted, urgent } = await reportFetch(this.parts.content, this.claim, {
        bytesDone,
        ...this.ingest.state(),
      });
      this.#reportedBytes = bytesDone;
      this.#reportedAtMs = performance.now();
      this.slot.setLane(urgent ? 'interactive' : 'batch');
      if (!wanted) this.#stopping.abort(new FetchUnwantedError(this.claim.digest));
    } catch (error) {
      if (error instanceof FetchLostError) this.#stopping.abort(error);
      else
        this.parts.logger.warn({ digest: this.claim.digest, err: error }, 'progress of a fetch was not written down');
    }
  }
}

/** Nobody waits for the blob any more. */
export class FetchUnwantedError extends Error {
  override readonly name = 'FetchUnwantedError';
  readonly code = 'FETCH_UNWANTED' as const;
  readonly retryable = false;

  constructor(readonly digest: string) {
    super(`no pull waits for ${digest} any more`);
  }
}

/** The transfer was asked to give way, and did. */
export class TransferStoppedError extends Error {
  override readonly name = 'TransferStoppedError';
  readonly code = 'TRANSFER_STOPPED' as const;
  readonly retryable = true;

  constructor(readonly digest: string) {
    super(`the transfer of ${digest} gives way`);
  }
}
