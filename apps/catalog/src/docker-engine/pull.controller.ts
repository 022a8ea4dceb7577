import { parseRegistryAuth } from '@entrepot/registry-client';
import { Controller, Headers, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ArchiverRelay } from '../archives/archiver-relay.js';
import { relayAnswer } from '../archives/relay-answer.js';
import { type PullQuery, parsePullRequest } from '../pulls/pull-request.js';
import { PullService } from '../pulls/pull-service.js';
import { closedSignal, sendMessages } from './message-stream.js';
import { one } from './query.js';

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
    const pull = { ...parsePullRequest(query), credential: parseRegistryAuth(auth) };
    await sendMessages(reply, this.pulls.pull(pull, closedSignal(reply)));
  }

  async #import({ raw, url }: FastifyRequest, reply: FastifyReply): Promise<void> {
    const path = `/internal/import${url.slice(url.indexOf('?'))}`;
    const answer = await this.relay.send({ method: 'POST', path, upload: raw }, closedSignal(reply));
    relayAnswer(reply, answer, raw);
  }
}
