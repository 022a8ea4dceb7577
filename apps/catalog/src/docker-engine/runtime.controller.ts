import type { ContainerRow, Database } from '@entrepot/database';
import { Controller, Get, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ContainerService } from '../containers/container-service.js';
import { DATABASE } from '../providers.js';
import { EngineError, notSupported } from './engine-error.js';
import { discardBody } from './json-body.js';
import { closedSignal } from './message-stream.js';
import { one, type QueryValues } from './query.js';

const lookAnywayMs = 15_000;
const attachHead = [
  'HTTP/1.1 101 UPGRADED',
  'Content-Type: application/vnd.docker.raw-stream',
  'Connection: Upgrade',
  'Upgrade: tcp',
].join('\r\n');

/**
 * What would need a process. `docker run` asks to attach and to wait before it starts anything, and prints a reason only
 * when the start is refused: so the first two are granted, and end with the container or the client.
 */
@Controller()
export class RuntimeController {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    private readonly containers: ContainerService,
  ) {}

  @Post(['start', 'restart'].map((action) => `containers/:name/${action}`))
  async start(@Param('name') name: string, @Req() request: FastifyRequest): Promise<never> {
    await discardBody(request.raw);
    const container = await this.containers.get(name);
    // As a daemon does with a container that could not be started; the client waits for it to go.
    if (container.hostConfig.AutoRemove === true) await this.containers.remove(container.id);
    throw notSupported('start containers (create, cp, diff, commit and export work without)');
  }

  @Post('containers/:name/attach')
  async attach(@Param('name') name: string, @Res() reply: FastifyReply): Promise<void> {
    const { id } = await this.containers.get(name);
    const closed = closedSignal(reply);
    const socket = reply.raw.socket;
    if (socket === null) return;
    reply.hijack();
    socket.write(`${attachHead}\r\n\r\n`);
    await this.#untilGone(id, closed);
    socket.end();
  }

  @Post('containers/:name/wait')
  async wait(@Param('name') name: string, @Query() query: QueryValues, @Res() reply: FastifyReply): Promise<void> {
    const { id } = await this.containers.get(name);
    const condition = one(query.condition) || 'not-running';
    if (!['not-running', 'next-exit', 'removed'].includes(condition)) {
      throw new EngineError(400, `invalid condition: ${JSON.stringify(condition)}`);
    }
    const closed = closedSignal(reply);
    reply.hijack();
    reply.raw.writeHead(200, { ...(reply.getHeaders() as Record<string, string>), 'content-type': 'application/json' });
    reply.raw.flushHeaders();
    if (condition !== 'not-running') await this.#untilGone(id, closed);
    reply.raw.end(`${JSON.stringify({ StatusCode: 0 })}\n`);
  }

  /** It never ran, so it is as stopped as can be. */
  @Post('containers/:name/stop')
  async stop(@Param('name') name: string, @Res() reply: FastifyReply): Promise<void> {
    await this.containers.get(name);
    await reply.code(304).send();
  }

  @Post('containers/:name/kill')
  async kill(@Param('name') name: string): Promise<never> {
    const container = await this.containers.get(name);
    throw new EngineError(409, `cannot kill container: ${name}: ${notRunning(container)}`);
  }

  @Post(['exec', 'pause', 'unpause', 'resize'].map((action) => `containers/:name/${action}`))
  async refuse(@Param('name') name: string, @Req() request: FastifyRequest): Promise<never> {
    await discardBody(request.raw);
    throw new EngineError(409, notRunning(await this.containers.get(name)));
  }

  @Get(['top', 'stats'].map((action) => `containers/:name/${action}`))
  async processes(@Param('name') name: string): Promise<never> {
    throw new EngineError(409, notRunning(await this.containers.get(name)));
  }

  /** Nothing was ever written. */
  @Get('containers/:name/logs')
  async logs(@Param('name') name: string, @Res() reply: FastifyReply): Promise<void> {
    await this.containers.get(name);
    await reply.code(200).header('content-type', 'application/vnd.docker.multiplexed-stream').send('');
  }

  async #untilGone(id: string, closed: AbortSignal): Promise<void> {
    const watch = this.database.signals.watch('event');
    try {
      while (!closed.aborted && (await this.#exists(id))) {
        await watch.wait({ timeoutMs: lookAnywayMs, signal: closed });
      }
    } finally {
      watch.close();
    }
  }

  async #exists(id: string): Promise<boolean> {
    return this.containers.get(id).then(
      () => true,
      () => false,
    );
  }
}

const notRunning = ({ id }: ContainerRow): string => `container ${id} is not running`;
