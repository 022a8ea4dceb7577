import { Controller, Headers, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { callerOf } from '../platform/caller.js';
import { type PullQuery, parsePullRequest } from '../pulls/pull-request.js';
import { PullService } from '../pulls/pull-service.js';
import { closedSignal, sendMessages } from './message-stream.js';
import { parseRegistryAuth } from './registry-auth.js';

/** `docker pull`. */
@Controller('images')
export class PullController {
  constructor(private readonly pulls: PullService) {}

  @Post('create')
  async create(
    @Query() query: PullQuery,
    @Headers('x-registry-auth') auth: string | undefined,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const caller = callerOf(request).name;
    const pull = { ...parsePullRequest(query), credential: parseRegistryAuth(auth), caller };
    await sendMessages(reply, this.pulls.pull(pull, closedSignal(reply)));
  }
}
