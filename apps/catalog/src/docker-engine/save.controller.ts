import { Readable } from 'node:stream';
import { Controller, Get, Head, Param, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ArchiveService, type PlannedArchive } from '../archives/archive-service.js';
import { type ByteRange, parseRange } from '../archives/http-range.js';
import { parseSaveRequest, type SaveQuery, type SaveRequest } from '../archives/save-request.js';
import { closedSignal } from './message-stream.js';

/** `docker save`. The size is known before the first byte, and a broken download can be taken up again. */
@Controller('images')
export class SaveController {
  constructor(private readonly archives: ArchiveService) {}

  @Head('get')
  async describe(@Query() query: SaveQuery, @Res() reply: FastifyReply): Promise<void> {
    const archive = await this.archives.plan(parseSaveRequest(query), closedSignal(reply));
    await this.archives.release(archive.id);
    await openAnswer(reply, archive, null).send();
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

  async #send(wanted: SaveRequest, { headers }: FastifyRequest, reply: FastifyReply): Promise<void> {
    const closed = closedSignal(reply);
    const archive = await this.archives.plan(wanted, closed);
    const { sizeBytes, etag } = archive.plan;
    const range = parseRange({ range: headers.range, ifRange: headers['if-range'] as string }, sizeBytes, `"${etag}"`);
    if (range === 'unsatisfiable') {
      await this.archives.release(archive.id);
      await reply.code(416).header('content-range', `bytes */${sizeBytes}`).send();
      return;
    }
    // An error after the first byte cuts the connection: nothing else tells a client that its file is not whole.
    void openAnswer(reply, archive, range).send(Readable.from(this.archives.read(archive, range, closed)));
  }
}

function openAnswer(reply: FastifyReply, { plan }: PlannedArchive, range: ByteRange | null): FastifyReply {
  const { fromByte, toByte } = range ?? { fromByte: 0, toByte: plan.sizeBytes };
  void reply.code(range ? 206 : 200).headers({
    'content-type': 'application/x-tar',
    'content-length': toByte - fromByte,
    'accept-ranges': 'bytes',
    etag: `"${plan.etag}"`,
  });
  if (range) void reply.header('content-range', `bytes ${fromByte}-${toByte - 1}/${plan.sizeBytes}`);
  return reply;
}
