import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { LayerTooLargeError, measureWaste, SymlinkLoopError } from '@entrepot/layers';
import type { Logger } from '@entrepot/observability';
import { type Digest, isCodedError, isDigest } from '@entrepot/oci';
import { Controller, Inject, Param, Post, Req, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { InternalGuard } from '../internal-guard.js';
import { BrokenLayerError, LayerGoneError, type LayerTrees } from '../layer-trees.js';
import { LAYER_TREES, LOGGER } from '../providers.js';
import {
  compareStacks,
  type EntryAnswer,
  listPath,
  openPath,
  PathError,
  packPath,
  statPath,
} from './tree-questions.js';

const layers = z.array(z.custom<Digest>((value) => typeof value === 'string' && isDigest(value))).max(1000);
const path = z.string().max(16_384);
const limit = z.int().min(1).max(10_001);
const after = z.string().nullable();

const maxQuestionBytes = 1024 * 1024;
/** Some 500 000 entries. */
const maxWasteBytes = 110e6;

interface Opened {
  entry: EntryAnswer;
  content: Readable;
}

/** Where catalog asks what is in layers. One question a request, as JSON; the answer is JSON or bytes. */
@Controller('internal/insides')
@UseGuards(InternalGuard)
export class InsidesController {
  constructor(
    @Inject(LAYER_TREES) private readonly trees: LayerTrees,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  readonly #questions: Readonly<Record<string, (body: unknown, signal: AbortSignal) => Promise<object | Opened>>> = {
    changes: async (body, signal) => {
      const asked = z.strictObject({ layers }).parse(body);
      // Whoever asks this shows facts of the analysis beside it, which a tree that was kept says nothing of.
      await this.trees.wait(asked.layers, signal);
      return { changes: (await this.trees.open(asked.layers, { signal })).changes };
    },
    stat: (body, signal) =>
      statPath(this.trees, z.strictObject({ layers, path, follow: z.boolean() }).parse(body), signal),
    list: (body, signal) => listPath(this.trees, z.strictObject({ layers, path, after, limit }).parse(body), signal),
    cat: (body, signal) => openPath(this.trees, z.strictObject({ layers, path }).parse(body), signal),
    pack: (body, signal) => packPath(this.trees, z.strictObject({ layers, path }).parse(body), signal),
    compare: (body, signal) =>
      compareStacks(this.trees, z.strictObject({ layers, others: layers, after, limit }).parse(body), signal),
    waste: async (body, signal) => {
      const asked = z.strictObject({ layers, limit }).parse(body);
      return this.trees.read(asked.layers, signal, (indexes) =>
        measureWaste(indexes, { ...asked, maxBytes: maxWasteBytes }),
      );
    },
  };

  @Post(':question')
  async answer(
    @Param('question') question: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const ask = this.#questions[question];
    if (!ask) return void (await reply.code(404).send());
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    try {
      await this.#send(reply, await ask(await readQuestion(request), gone.signal));
    } catch (error) {
      if (reply.raw.destroyed || gone.signal.aborted) return;
      if (reply.raw.headersSent) reply.raw.destroy();
      else await this.#refuse(reply, error);
    }
  }

  async #send(reply: FastifyReply, answer: object | Opened): Promise<void> {
    if (!('content' in answer)) return void (await reply.code(200).send(answer));
    reply.hijack();
    reply.raw.writeHead(200, {
      'content-type': 'application/octet-stream',
      'x-entry': encodeURIComponent(JSON.stringify(answer.entry)),
    });
    await pipeline(answer.content, reply.raw);
  }

  async #refuse(reply: FastifyReply, error: unknown): Promise<void> {
    const status = statusOf(error);
    const { message } = error as Error;
    if (status === 500) this.logger.error({ err: error }, 'a question about layers failed');
    const code = status === 400 ? 'INVALID_QUESTION' : 'INTERNAL';
    const coded = isCodedError(error) ? error : { code, retryable: false };
    await reply.code(status).send({ code: coded.code, message, retryable: coded.retryable });
  }
}

function statusOf(error: unknown): number {
  if (error instanceof PathError) return error.code === 'PATH_NOT_FOUND' ? 404 : 400;
  if (error instanceof SymlinkLoopError) return 400;
  if (error instanceof LayerGoneError) return 409;
  if (error instanceof BrokenLayerError || error instanceof LayerTooLargeError) return 422;
  return error instanceof z.ZodError || error instanceof SyntaxError ? 400 : 500;
}

async function readQuestion(request: FastifyRequest): Promise<unknown> {
  const chunks: Buffer[] = [];
  let total = 0;
  for await (const chunk of request.raw as AsyncIterable<Buffer>) {
    total += chunk.length;
    if (total > maxQuestionBytes) throw new SyntaxError('the question is too long');
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString());
}
