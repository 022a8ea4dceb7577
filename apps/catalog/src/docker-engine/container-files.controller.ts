import { Controller, Get, Head, Post, Put, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ArchiverRelay, type RelayedRequest } from '../archives/archiver-relay.js';
import { relayAnswer } from '../archives/relay-answer.js';
import { closedSignal } from './message-stream.js';

/** `docker cp`, `diff`, `export` and `commit`: an archiver answers, in Docker's words. */
@Controller()
export class ContainerFilesController {
  constructor(private readonly relay: ArchiverRelay) {}

  @Head('containers/:name/archive')
  stat(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#relay('HEAD', request, reply);
  }

  @Get(['archive', 'changes', 'export'].map((what) => `containers/:name/${what}`))
  read(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#relay('GET', request, reply);
  }

  @Put('containers/:name/archive')
  write(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#relay('PUT', request, reply);
  }

  @Post('commit')
  commit(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#relay('POST', request, reply);
  }

  async #relay(method: RelayedRequest['method'], request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const upload = method === 'PUT' || method === 'POST' ? request.raw : undefined;
    const answer = await this.relay.send({ method, path: `/internal${request.url}`, upload }, closedSignal(reply));
    relayAnswer(reply, answer, upload);
  }
}
