import type { BlobStore } from '@entrepot/blob-store';
import { type ContentContext, createBatch, getBatch } from '@entrepot/content';
import {
  type BatchItemRow,
  type BatchPlan,
  type BatchRow,
  batchBytes,
  type Database,
  deleteDryRun,
  listBatchItems,
} from '@entrepot/database';
import { type JobQueue, planBatch } from '@entrepot/jobs';
import type { Logger } from '@entrepot/observability';
import type { BatchRequest } from '@entrepot/platform-api';
import { Inject, Injectable } from '@nestjs/common';
import { BLOB_STORE, DATABASE, JOB_QUEUE, LOGGER } from '../providers.js';
import { readItems } from './parse-batch.js';

/** A batch with how far it is. */
export type BatchView = BatchRow & { bytes: { needed: number; done: number } | null };

/** Signals are only hints. */
const lookAnywayMs = 2_000;
/** A batch of thousands changes all the time. */
const burstMs = 250;

/** Whether nothing more happens to a batch by itself. */
export function hasEnded(state: BatchRow['state']): boolean {
  return state !== 'planning' && state !== 'running';
}

/** Takes batches in and follows them. */
@Injectable()
export class BatchService {
  readonly content: ContentContext;

  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(BLOB_STORE) store: BlobStore,
    @Inject(JOB_QUEUE) private readonly queue: JobQueue,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.content = { database, store };
  }

  /**
   * Writes a batch down and has it planned. `places` say where its items stand in a file.
   *
   * @throws {InvalidBatchError} names every item that is wrong; nothing was taken
   * @throws {BacklogFullError}
   */
  async create(request: BatchRequest, owner: string, places?: readonly string[]): Promise<BatchRow> {
    const id = await createBatch(this.content, {
      owner,
      priority: request.priority ?? 'normal',
      labels: request.labels ?? {},
      dryRun: request.dryRun ?? false,
      skipsSignatures: request.disableContentTrust ?? false,
      items: readItems(request, places),
    });
    await this.plan(id);
    return await getBatch(this.content, id);
  }

  /** A job that could not be added is added by a sweep. */
  async plan(batchId: string): Promise<void> {
    await this.queue
      .enqueue(planBatch, { batchId })
      .catch((error: unknown) => this.logger.warn({ batchId, err: error }, 'a batch has to wait for the next sweep'));
  }

  async view(batchId: string): Promise<BatchView> {
    const batch = await getBatch(this.content, batchId);
    const { neededBytes, doneBytes } = await batchBytes(this.database.prisma, batchId);
    return { ...batch, bytes: { needed: neededBytes, done: Math.min(doneBytes, neededBytes) } };
  }

  /** Looks whenever something changed, until the batch has ended or the signal aborts. */
  async *follow(batchId: string, signal: AbortSignal): AsyncGenerator<BatchView> {
    const changes = this.database.signals.watch(`batch:${batchId}`);
    try {
      while (!signal.aborted) {
        const batch = await this.view(batchId);
        yield batch;
        if (hasEnded(batch.state)) return;
        await pause(burstMs);
        await changes.wait({ timeoutMs: lookAnywayMs, signal });
      }
    } finally {
      changes.close();
    }
  }

  /** Plans one pull and waits for the answer, which is all that is left of it. Null when the time is over first. */
  async planOne(
    request: { reference: string; platform?: string },
    owner: string,
    signal: AbortSignal,
  ): Promise<{ item: BatchItemRow; plan: BatchPlan } | null> {
    const { id } = await this.create({ items: [request], dryRun: true }, owner);
    try {
      for await (const batch of this.follow(id, signal)) {
        if (batch.state !== 'planned' || batch.plan === null) continue;
        const [item] = await listBatchItems(this.database.prisma, id, { limit: 1 });
        return item === undefined ? null : { item, plan: batch.plan };
      }
      return null;
    } finally {
      await deleteDryRun(this.database.prisma, id);
    }
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
