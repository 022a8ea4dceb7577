import { once } from 'node:events';
import { type Database, dockerEventTypes, type EventRow } from '@entrepot/database';
import { Controller, Get, Inject, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { followEvents } from '../events/event-feed.js';
import { eventKeys, passesFilters } from '../events/event-filter.js';
import { DATABASE } from '../providers.js';
import { EngineError } from './engine-error.js';
import { parseFilters } from './filters.js';
import { closedSignal } from './message-stream.js';
import { one, type QueryValues } from './query.js';

/** `docker events`. */
@Controller('events')
export class EventsController {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  @Get()
  async follow(@Query() query: QueryValues, @Res() reply: FastifyReply): Promise<void> {
    const filters = parseFilters(one(query.filters), eventKeys);
    const [since, until] = [readMoment(one(query.since), 'floor'), readMoment(one(query.until), 'ceil')];
    const closed = closedSignal(reply);
    const events = followEvents(this.database, { since, until, types: dockerEventTypes, signal: closed });
    // A client waits for the head before the first event comes.
    reply.hijack();
    reply.raw.writeHead(200, { ...(reply.getHeaders() as Record<string, string>), 'content-type': 'application/json' });
    reply.raw.flushHeaders();
    try {
      for await (const event of events) {
        if (passesFilters(event, filters)) await write(reply, eventLine(event), closed);
      }
      reply.raw.end();
    } catch {
      reply.raw.destroy();
    }
  }
}

/** Waits for a client that reads slower than things happen. */
async function write(reply: FastifyReply, line: string, closed: AbortSignal): Promise<void> {
  if (!reply.raw.write(line)) await once(reply.raw, 'drain', { signal: closed });
}

/** `seconds` or `seconds.nanoseconds`; nothing and 0 mean "not given". */
function readMoment(text: string, round: 'floor' | 'ceil'): Date | undefined {
  if (text === '' || text === '0') return undefined;
  if (!/^\d+(?:\.\d+)?$/.test(text)) {
    throw new EngineError(400, `strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  return new Date(Math[round](Number(text) * 1000));
}

/** The time in nanoseconds is more than a JavaScript number can hold, so it is put in as text. */
function eventLine({ type, action, actorId, attributes, at, atNano }: EventRow): string {
  const head = { status: action, id: actorId, ...(type === 'container' ? { from: attributes.image } : {}) };
  const event = { ...head, Type: type, Action: action, Actor: { ID: actorId, Attributes: attributes } };
  const json = JSON.stringify({ ...event, scope: 'local', time: Math.floor(at.getTime() / 1000) });
  return `${json.slice(0, -1)},"timeNano":${atNano}}\n`;
}
