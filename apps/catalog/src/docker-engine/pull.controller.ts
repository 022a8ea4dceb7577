import { parseRegistryAuth } from '@entrepot/registry-client';
import { Controller, Headers, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { type PullQuery, parsePullRequest } from '../pulls/pull-request.js';
import { PullService } from '../pulls/pull-service.js';
import { closedSignal, sendMessages } from './message-stream.js';

/** `docker pull`. */
@Controller('images')
export class PullController {
  constructor(private readonly pulls: PullService) {}

  @Post('create')
  async create(
    @Query() query: PullQuery,
    @Headers('x-registry-auth') auth: string | undefined,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const pull = { ...parsePullRequest(query), credential: parseRegistryAuth(auth) };
    await sendMessages(reply, this.pulls.pull(pull, closedSignal(reply)));
  }
}
