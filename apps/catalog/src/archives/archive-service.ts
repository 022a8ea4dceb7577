import { type ArchivePlan, decodePlan, sliceSegments } from '@entrepot/archive';
import type { BlobStore } from '@entrepot/blob-store';
import { blobPieces, type ContentContext } from '@entrepot/content';
import {
  type ArchiveRow,
  type Database,
  deleteArchive,
  findArchive,
  insertArchive,
  insertEvents,
  keepArchive,
} from '@entrepot/database';
import { type JobQueue, planArchive } from '@entrepot/jobs';
import type { Logger } from '@entrepot/observability';
import { Inject, Injectable } from '@nestjs/common';
import { EngineError } from '../docker-engine/engine-error.js';
import { BLOB_STORE, DATABASE, JOB_QUEUE, LOGGER } from '../providers.js';
import type { ByteRange } from './http-range.js';
import type { SaveRequest } from './save-request.js';

/** An archive that is known to the last byte; its blobs are kept until it is released. */
export interface PlannedArchive {
  id: string;
  plan: ArchivePlan;
  imageIds: string[];
}

/** How long blobs are kept for a client that was never heard of again. */
const leaseMs = 60_000;
const planWithinMs = 30_000;
const lookAnywayMs = 500;
const zeros = Buffer.alloc(4096);
const statusByCode: Readonly<Record<string, number>> = { REFERENCE_UNKNOWN: 404, INVALID_REFERENCE: 400 };

/** Has archives planned by an archiver, and reads planned ones. */
@Injectable()
export class ArchiveService {
  readonly #content: ContentContext;

  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(BLOB_STORE) store: BlobStore,
    @Inject(JOB_QUEUE) private readonly queue: JobQueue,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.#content = { database, store };
  }

  /**
   * Plans an archive. The caller releases it.
   *
   * @throws {EngineError} a name is unknown, or nobody plans
   */
  async plan(request: SaveRequest, signal: AbortSignal): Promise<PlannedArchive> {
    const id = await insertArchive(this.database.prisma, { request, ttlMs: planWithinMs + leaseMs });
    try {
      const row = await this.#waitForPlan(id, signal);
      if (row.state === 'failed')
        throw new EngineError(statusByCode[row.error?.code ?? ''] ?? 500, row.error?.message ?? 'planning failed');
      const { archive, imageIds } = row.plan as { archive: unknown; imageIds: string[] };
      return { id, plan: decodePlan(archive), imageIds };
    } catch (error) {
      await this.release(id);
      throw error;
    }
  }

  /** As `read`, and lets go of the archive at the end. */
  async *readOnce(archive: PlannedArchive, range: ByteRange | null, signal: AbortSignal): AsyncGenerator<Buffer> {
    try {
      yield* this.read(archive, range, signal);
    } finally {
      await this.release(archive.id);
    }
  }

  /**
   * The bytes of a planned archive, or a part of them, in pieces, each good until the next one is asked for. Its blobs are
   * kept while this is read.
   */
  async *read(
    { id, plan, imageIds }: PlannedArchive,
    range: ByteRange | null,
    signal: AbortSignal,
  ): AsyncGenerator<Buffer> {
    const renewal = setInterval(() => {
      keepArchive(this.database.prisma, id, leaseMs).catch((error: unknown) =>
        this.logger.warn({ err: error }, 'leases of an archive were not renewed'),
      );
    }, leaseMs / 3);
    try {
      for (const slice of sliceSegments(plan, range?.fromByte, range?.toByte)) {
        switch (slice.kind) {
          case 'bytes':
            yield slice.bytes;
            break;
          case 'zeros':
            for (let left = slice.sizeBytes; left > 0; left -= zeros.length) yield zeros.subarray(0, left);
            break;
          case 'blob':
            yield* blobPieces(this.#content, slice.digest, slice, signal);
        }
      }
      if (range === null) await this.#recordSave(imageIds);
    } finally {
      clearInterval(renewal);
    }
  }

  /** Lets go of what was kept for an archive. Idempotent; what fails here is done by the collection. */
  async release(id: string): Promise<void> {
    await deleteArchive(this.database.prisma, id).catch((error: unknown) =>
      this.logger.warn({ err: error }, 'an archive was not released'),
    );
  }

  async #waitForPlan(id: string, signal: AbortSignal): Promise<ArchiveRow> {
    const changes = this.database.signals.watch(`archive:${id}`);
    const deadline = Date.now() + planWithinMs;
    try {
      await this.queue.enqueue(planArchive, { archiveId: id });
      while (Date.now() < deadline && !signal.aborted) {
        const row = await findArchive(this.database.prisma, id);
        if (row && row.state !== 'queued') return row;
        await changes.wait({ timeoutMs: lookAnywayMs, signal });
      }
    } finally {
      changes.close();
    }
    throw new EngineError(503, 'no archiver has planned the archive in time');
  }

  async #recordSave(imageIds: readonly string[]): Promise<void> {
    const events = imageIds.map((id) => ({
      type: 'image' as const,
      action: 'save',
      actorId: id,
      attributes: { name: id },
    }));
    await this.database.transaction((tx) => insertEvents(tx, events));
  }
}
