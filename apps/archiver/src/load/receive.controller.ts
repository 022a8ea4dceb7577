import { receivePiece } from '@entrepot/content';
import { loadArchive } from '@entrepot/jobs';
import { isCodedError } from '@entrepot/oci';
import {
  Controller,
  HttpCode,
  Inject,
  Param,
  ParseIntPipe,
  ParseUUIDPipe,
  Patch,
  Query,
  Req,
  Res,
  UseGuards,
} from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { InternalGuard } from '../internal-guard.js';
import { LOAD_PARTS } from '../providers.js';
import type { LoadParts } from './load-archive.js';

const statusByCode: Readonly<Record<string, number>> = {
  ARCHIVE_NOT_FOUND: 404,
  UPLOAD_STALLED: 408,
  ARCHIVE_BUSY: 409,
  ARCHIVE_RECEIVED: 409,
  OFFSET_MISMATCH: 409,
  BLOB_UPLOAD_LOST: 409,
  BLOB_SIZE_MISMATCH: 413,
  BLOB_STORE_UNAVAILABLE: 503,
  BLOB_STORE_FULL: 507,
};

/** Where catalog sends pieces of archives; the last of them makes the archive due to be loaded. */
@Controller('internal/archives')
@UseGuards(InternalGuard)
export class ReceiveController {
  constructor(@Inject(LOAD_PARTS) private readonly parts: LoadParts) {}

  @Patch(':id/bytes')
  @HttpCode(204)
  async receive(
    @Param('id', ParseUUIDPipe) archiveId: string,
    @Query('offset', ParseIntPipe) offsetBytes: number,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { content, queue, logger } = this.parts;
    try {
      const isWhole = await receivePiece(content, { archiveId, offsetBytes, body: request.raw });
      if (isWhole) {
        await queue
          .enqueue(loadArchive, { archiveId })
          .catch((error: unknown) => logger.warn({ err: error }, 'an archive has to wait for the next sweep'));
      }
      await reply.code(204).send();
    } catch (error) {
      if (request.raw.destroyed && !request.raw.readableEnded) logger.info({ archiveId }, 'the sender has gone');
      else await this.#refuse(error, reply);
    } finally {
      request.raw.resume();
    }
  }

  async #refuse(error: unknown, reply: FastifyReply): Promise<void> {
    const status = isCodedError(error) ? (statusByCode[error.code] ?? 500) : 500;
    if (status >= 500) this.parts.logger.error({ err: error }, 'a piece of an archive was not taken');
    const internal = { code: 'INTERNAL', message: 'internal error, see the log of the archiver service' };
    const { code, message } = isCodedError(error) ? error : internal;
    await reply.code(status).send({ code, message, retryable: isCodedError(error) && error.retryable });
  }
}
