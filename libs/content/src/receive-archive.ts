// Archives that are sent in pieces, by connections that break. One receiver writes at a time: it holds a short lease and
// tells how far it is, so that after a crash the next one goes on from there.
import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { newStorageKey, type Upload } from '@entrepot/blob-store';
import {
  endReception,
  insertReception,
  insertTombstone,
  keepReception,
  type Reception,
  type ReceptionRefusal,
  type Tx,
  takeReception,
} from '@entrepot/database';
import type { ContentContext } from './context.js';

/** An archive that somebody is about to send. */
export interface ArchiveAnnouncement {
  request: object;
  sizeBytes: number;
  /** The same for whoever sends the same again. */
  receptionKey: string;
  /** How long what came is kept when nothing follows. */
  lifeMs: number;
}

/** A piece of an archive. */
export interface ArchivePiece {
  archiveId: string;
  /** Where it begins; must be where the last one ended. */
  offsetBytes: number;
  /** Read to its end, or destroyed when it stalls. */
  body: Readable;
}

const leaseMs = 15_000;
const keepEveryMs = 2_000;
/** A connection that is silent for so long is taken for dead. */
const silentMs = 30_000;

/** Announces an archive, or finds the one that was announced as the same and is not whole yet. */
export function announceArchive(tx: Tx, announcement: ArchiveAnnouncement): Promise<{ id: string; isNew: boolean }> {
  return insertReception(tx, { ...announcement, storageKey: newStorageKey() });
}

/**
 * Stores a piece as it comes, in bounded memory. What came before the connection broke stays. Resolves to whether all of
 * the archive is there now; then it waits to be loaded.
 *
 * @throws {ReceptionError} @throws {BlobSizeMismatchError} more than was announced; what was announced stays
 * @throws what the body fails with
 */
export async function receivePiece(context: ContentContext, piece: ArchivePiece): Promise<boolean> {
  const { archiveId } = piece;
  const receiver = randomUUID();
  const taken = await takeReception(context.database.prisma, archiveId, { receiver, leaseMs });
  if (typeof taken === 'string') throw refusal(taken, archiveId);
  const { storageKey, sizeBytes, left } = taken;
  const upload = await context.store.openUpload(storageKey, sizeBytes, left?.resumeState);
  return new Receiver(context, { archiveId, receiver }, taken, upload).receive(piece);
}

class Receiver {
  #receivedBytes: number;
  #heardAtMs = performance.now();
  #keeping: Promise<void> = Promise.resolve();

  constructor(
    private readonly context: ContentContext,
    private readonly holder: { archiveId: string; receiver: string },
    private readonly reception: Reception,
    private readonly upload: Upload,
  ) {
    this.#receivedBytes = upload.offsetBytes;
  }

  async receive({ archiveId, offsetBytes, body }: ArchivePiece): Promise<boolean> {
    const rounds = setInterval(() => this.#look(body), keepEveryMs);
    try {
      if (offsetBytes !== this.upload.offsetBytes) {
        const where = `${archiveId} goes on at byte ${this.upload.offsetBytes}, not at ${offsetBytes}`;
        throw new ReceptionError('OFFSET_MISMATCH', `archive ${where}`);
      }
      await this.#write(body);
      if (this.#receivedBytes < this.reception.sizeBytes) return false;
      await this.#end();
      return true;
    } finally {
      clearInterval(rounds);
      await this.#keeping;
      await this.#leave();
    }
  }

  async #write(body: Readable): Promise<void> {
    // Whoever is refused in the middle still gets an answer.
    for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      const full = this.upload.write(chunk);
      if (full) await full;
      this.#receivedBytes += chunk.length;
      this.#heardAtMs = performance.now();
    }
  }

  /** Written down first, so that whoever comes after a crash in the middle finds out that all is there. */
  async #end(): Promise<void> {
    const { prisma } = this.context.database;
    const { storageKey, sizeBytes } = this.reception;
    await this.#keeping;
    if (!(await this.#keep(leaseMs))) throw gone(this.holder.archiveId);
    await this.upload.commit();
    if (await endReception(prisma, this.holder)) return;
    // Given up and swept meanwhile: nobody knows of the bytes any more.
    await insertTombstone(prisma, { storageKey, sizeBytes, reason: 'lost upload' });
    throw gone(this.holder.archiveId);
  }

  #look(body: Readable): void {
    if (performance.now() - this.#heardAtMs > silentMs) {
      body.destroy(new ReceptionError('UPLOAD_STALLED', `nothing came for ${silentMs / 1000} s`));
      return;
    }
    this.#keeping = this.#keep(leaseMs).then(
      (isOurs) => {
        if (!isOurs) body.destroy(gone(this.holder.archiveId));
      },
      // The next round tells, or the lease runs out.
      () => {},
    );
  }

  #keep(forMs: number | null): Promise<boolean> {
    const { safeBytes, state: resumeState } = this.upload.state();
    const progress = { safeBytes, resumeState };
    return keepReception(this.context.database.prisma, this.holder, { leaseMs: forMs, progress });
  }

  /** After the end it is a no-op. */
  async #leave(): Promise<void> {
    await this.upload.suspend();
    await this.#keep(null);
  }
}

function refusal(reason: ReceptionRefusal, archiveId: string): ReceptionError {
  switch (reason) {
    case 'gone':
      return gone(archiveId);
    case 'busy':
      return new ReceptionError('ARCHIVE_BUSY', `archive ${archiveId} is being sent by another connection`);
    case 'received':
      return new ReceptionError('ARCHIVE_RECEIVED', `archive ${archiveId} has been received to its last byte`);
  }
}

function gone(archiveId: string): ReceptionError {
  return new ReceptionError('ARCHIVE_NOT_FOUND', `there is no archive ${archiveId}, or its time is over`);
}

/** Bytes of an archive cannot be taken now, or at this place. */
export class ReceptionError extends Error {
  override readonly name = 'ReceptionError';
  /** After a look at how far the archive is. */
  readonly retryable: boolean;

  constructor(
    readonly code: 'ARCHIVE_NOT_FOUND' | 'ARCHIVE_BUSY' | 'ARCHIVE_RECEIVED' | 'OFFSET_MISMATCH' | 'UPLOAD_STALLED',
    message: string,
  ) {
    super(message);
    this.retryable = code !== 'ARCHIVE_NOT_FOUND' && code !== 'ARCHIVE_RECEIVED';
  }
}
