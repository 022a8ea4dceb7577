import type { ServerResponse } from 'node:http';
import { InvalidArchiveError } from '@entrepot/archive';
import { InvalidImageError } from '@entrepot/content';
import { isCodedError, parseOciPlatform } from '@entrepot/oci';
import { Controller, Inject, Post, Query, Req, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { InternalGuard } from '../internal-guard.js';
import { LOAD_PARTS } from '../providers.js';
import { type LoadParts, loadArchive } from './load-archive.js';
import { errorMessage, type LoadMessage } from './load-messages.js';

const falseValues = new Set(['', '0', 'no', 'false', 'none']);

/** Where catalog sends uploaded archives. Answers with Docker's messages, failures among them. */
@Controller('internal')
@UseGuards(InternalGuard)
export class LoadController {
  constructor(@Inject(LOAD_PARTS) private readonly parts: LoadParts) {}

  @Post('load')
  async load(
    @Query('quiet') quiet: string | undefined,
    @Query('platform') platform: string | undefined,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    reply.hijack();
    const stream = new MessageStream(reply.raw);
    try {
      await loadArchive(this.parts, request.raw, {
        quiet: quiet === undefined || !falseValues.has(quiet.toLowerCase()),
        platform: platform ? parseOciPlatform(platform) : null,
        say: (message) => stream.write(message),
      });
    } catch (error) {
      if (!reply.raw.destroyed) this.#report(error, stream);
    } finally {
      // Node reads what is left of the request before it takes the connection up again.
      stream.end();
      request.raw.resume();
    }
  }

  #report(error: unknown, stream: MessageStream): void {
    const isTheirs = error instanceof InvalidArchiveError || error instanceof InvalidImageError || isCodedError(error);
    if (!isTheirs) this.parts.logger.error({ err: error }, 'load failed');
    stream.write(
      isTheirs ? errorMessage(error) : errorMessage(new Error('internal error, see the log of the archiver service')),
    );
  }
}

/** Sends each message at once; the head goes with the first of them. */
class MessageStream {
  constructor(private readonly response: ServerResponse) {}

  write(message: LoadMessage): void {
    if (!this.response.headersSent) this.response.writeHead(200, { 'content-type': 'application/json' });
    this.response.write(`${JSON.stringify(message)}\r\n`);
  }

  end(): void {
    if (!this.response.headersSent) this.response.writeHead(200, { 'content-type': 'application/json' });
    this.response.end();
  }
}
