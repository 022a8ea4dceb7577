import type { ServerResponse } from 'node:http';
import { errorMessage } from '@entrepot/content';
import type { Logger } from '@entrepot/observability';
import { isCodedError } from '@entrepot/oci';
import { Controller, Headers, Inject, Post, Query, Req, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { DockerfileError } from '../dockerfile/errors.js';
import { InternalGuard } from '../internal-guard.js';
import { BUILDER, LOAD_PARTS, SOURCE_EPOCH } from '../providers.js';
import { type BuildQuery, parseBuildRequest } from './build-request.js';
import { BuildError } from './errors.js';
import type { BuildMessage, ImageBuilder } from './image-builder.js';

const badRequests = new Set(['INVALID_REFERENCE', 'INVALID_PLATFORM', 'UNSAFE_PATH', 'LAYER_TOO_LARGE']);

/** `docker build` by the classic builder: catalog passes context and query on as they are. */
@Controller('internal')
@UseGuards(InternalGuard)
export class BuildController {
  constructor(
    @Inject(BUILDER) private readonly builder: ImageBuilder,
    @Inject(LOAD_PARTS) private readonly parts: { logger: Logger },
    @Inject(SOURCE_EPOCH) private readonly epoch: Date | null,
  ) {}

  @Post('build')
  async build(
    @Query() query: BuildQuery,
    @Headers('x-registry-config') registries: string | undefined,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    reply.hijack();
    const { raw } = reply;
    const gone = new AbortController();
    raw.once('close', () => gone.abort());
    try {
      const wanted = parseBuildRequest(query, registries, this.epoch);
      await this.builder.build(wanted, request.raw, (message) => write(raw, message), gone.signal);
    } catch (error) {
      this.#report(error, raw);
    } finally {
      raw.end();
      // What is left of the context is read, so that the client comes to read the answer.
      request.raw.resume();
    }
  }

  /** As long as nothing was said a failure is a status, afterwards a message. */
  #report(error: unknown, raw: ServerResponse): void {
    const { status, message, exitCode } = this.#explain(error);
    if (raw.headersSent) {
      const said = errorMessage(message);
      write(raw, exitCode === undefined ? said : { ...said, errorDetail: { code: exitCode, message } });
      return;
    }
    raw.writeHead(status, { 'content-type': 'application/json' });
    raw.write(`${JSON.stringify({ message })}\n`);
  }

  #explain(error: unknown): { status: number; message: string; exitCode?: number } {
    if (error instanceof BuildError) return error;
    if (error instanceof DockerfileError) return { status: 400, message: error.message };
    if (isCodedError(error)) return { status: badRequests.has(error.code) ? 400 : 500, message: error.message };
    this.parts.logger.error({ err: error }, 'a build failed');
    return { status: 500, message: 'internal error, see the log of the archiver service' };
  }
}

function write(raw: ServerResponse, message: BuildMessage): void {
  if (!raw.headersSent) raw.writeHead(200, { 'content-type': 'application/json' });
  raw.write(`${JSON.stringify(message)}\r\n`);
}
