import { Controller, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ArchiverRelay } from '../archives/archiver-relay.js';
import { closedSignal, sendRelayed } from './message-stream.js';

/** `docker load`. */
@Controller('images')
export class LoadController {
  constructor(private readonly relay: ArchiverRelay) {}

  @Post('load')
  async load(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const mark = request.url.indexOf('?');
    const query = mark < 0 ? '' : request.url.slice(mark);
    const messages = this.relay.messages(
      {
        method: 'POST',
        path: `/internal/load${query}`,
        headers: { 'content-type': 'application/x-tar' },
        upload: request.raw,
      },
      'the archive was not read to its end; load it again',
      closedSignal(reply),
    );
    await sendRelayed(reply, messages);
  }
}
