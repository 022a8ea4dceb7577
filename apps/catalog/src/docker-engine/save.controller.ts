import { Controller, Get, Head, Param, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ArchiveService } from '../archives/archive-service.js';
import { openArchive, openDownload } from '../archives/open-download.js';
import { parseSaveRequest, type SaveQuery, type SaveRequest } from '../archives/save-request.js';
import { sendPieces } from '../archives/send-pieces.js';
import { closedSignal } from './message-stream.js';

/** `docker save`. The size is known before the first byte, and a broken download can be taken up again. */
@Controller('images')
export class SaveController {
  constructor(private readonly archives: ArchiveService) {}

  @Head('get')
  async describe(@Query() query: SaveQuery, @Res() reply: FastifyReply): Promise<void> {
    const archive = await this.archives.plan(parseSaveRequest(query), closedSignal(reply));
    await this.archives.release(archive.id);
    openArchive(reply, archive.plan, null);
    await reply.send();
  }

  @Get('get')
  async save(@Query() query: SaveQuery, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.#send(parseSaveRequest(query), request, reply);
  }

  @Get(':name/get')
  async saveOne(
    @Param('name') name: string,
    @Query() query: SaveQuery,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.#send(parseSaveRequest(query, name), request, reply);
  }

  async #send(wanted: SaveRequest, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const closed = closedSignal(reply);
    const archive = await this.archives.plan(wanted, closed);
    const range = openDownload(request, reply, archive.plan);
    if (range === 'unsatisfiable' || range === 'unchanged') {
      await this.archives.release(archive.id);
      await reply.send();
      return;
    }
    await sendPieces(reply, this.archives.readOnce(archive, range, closed));
  }
}
