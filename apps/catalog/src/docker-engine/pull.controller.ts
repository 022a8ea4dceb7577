import { Controller, Headers, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ArchiverRelay } from '../archives/archiver-relay.js';
import { relayAnswer } from '../archives/relay-answer.js';
import { callerOf } from '../platform/caller.js';
import { type PullQuery, parsePullRequest } from '../pulls/pull-request.js';
import { PullService } from '../pulls/pull-service.js';
import { closedSignal, sendMessages } from './message-stream.js';
import { one } from './query.js';
import { parseRegistryAuth } from './registry-auth.js';

/** `docker pull`, and `docker import`, which has the same address. */
@Controller('images')
export class PullController {
  constructor(
    private readonly pulls: PullService,
    private readonly relay: ArchiverRelay,
  ) {}

  @Post('create')
  async create(
    @Query() query: PullQuery,
    @Headers('x-registry-auth') auth: string | undefined,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    if (one(query.fromSrc) !== '') return this.#import(request, reply);
    const caller = callerOf(request).name;
    const pull = { ...parsePullRequest(query), credential: parseRegistryAuth(auth), caller };
    await sendMessages(reply, this.pulls.pull(pull, closedSignal(reply)));
  }

  async #import({ raw, url }: FastifyRequest, reply: FastifyReply): Promise<void> {
    const path = `/import${url.slice(url.indexOf('?'))}`;
    const answer = await this.relay.send({ method: 'POST', path, upload: raw, signal: closedSignal(reply) });
    await relayAnswer(reply, answer, raw);
  }
}
