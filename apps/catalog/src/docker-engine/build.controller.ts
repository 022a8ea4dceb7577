import { Controller, Headers, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ArchiverRelay } from '../archives/archiver-relay.js';
import { closedSignal, sendRelayed } from './message-stream.js';

const brokenOff = 'the build was broken off; build again, finished steps are kept';

/** `docker build` by the classic builder: an archiver builds, and tells how in Docker's words. */
@Controller()
export class BuildController {
  constructor(private readonly relay: ArchiverRelay) {}

  @Post('build')
  async build(
    @Headers('x-registry-config') registries: string | undefined,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const mark = request.url.indexOf('?');
    const path = `/internal/build${mark < 0 ? '' : request.url.slice(mark)}`;
    const credentials: Record<string, string> = registries === undefined ? {} : { 'x-registry-config': registries };
    const headers = { 'content-type': 'application/x-tar', ...credentials };
    const wanted = { method: 'POST' as const, path, headers, upload: request.raw };
    await sendRelayed(reply, this.relay.messages(wanted, brokenOff, closedSignal(reply)));
  }
}
