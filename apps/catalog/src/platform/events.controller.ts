import { type Database, type EventFilter, type EventRow, pageEvents } from '@entrepot/database';
import { type EndpointOutput, followEvents, listEvents } from '@entrepot/platform-api';
import { Controller, Inject } from '@nestjs/common';
import { z } from 'zod';
import { followEvents as follow } from '../events/event-feed.js';
import { DATABASE } from '../providers.js';
import type { Call } from './call.js';
import { decodeCursor, pageFrom } from './cursor.js';
import { lastEventId, type StreamEvent } from './event-stream.js';
import { type Answer, Handles } from './handles.js';

type EventJson = EndpointOutput<typeof followEvents>;

/** Who did what, and from what to what. */
@Controller()
export class PlatformEventsController {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  @Handles(listEvents)
  async list({ query }: Call<typeof listEvents>): Promise<Answer<typeof listEvents>> {
    const { limit } = query;
    const [beforeId] = decodeCursor(z.tuple([z.int()]), query.cursor) ?? [];
    const rows = await pageEvents(this.database.prisma, { ...filterOf(query), beforeId, limit: limit + 1 });
    return pageFrom(rows, limit, eventJson, (row) => [row.id]);
  }

  @Handles(followEvents)
  async follow({ query, request, signal }: Call<typeof followEvents>): Promise<Answer<typeof followEvents>> {
    const last = lastEventId(request);
    const afterId = last === undefined || !/^\d{1,15}$/.test(last) ? undefined : Number(last);
    return this.#stream(follow(this.database, { ...filterOf(query), afterId, signal }));
  }

  async *#stream(rows: AsyncIterable<EventRow>): AsyncGenerator<StreamEvent<EventJson>> {
    for await (const row of rows) yield { id: String(row.id), event: row.type, data: eventJson(row) };
  }
}

function filterOf(query: Call<typeof listEvents>['query'] | Call<typeof followEvents>['query']): EventFilter {
  const { type: types, action: actions, subject: actorId, caller, since } = query;
  const until = 'until' in query ? query.until : undefined;
  return { types, actions, actorId, caller, since: dateOf(since), until: dateOf(until) };
}

function dateOf(text: string | undefined): Date | undefined {
  return text === undefined ? undefined : new Date(text);
}

function eventJson({ id, at, type, action, actorId, attributes, caller, change }: EventRow): EventJson {
  return { id, at: at.toISOString(), type, action, subject: actorId, caller, change: change ?? null, attributes };
}
