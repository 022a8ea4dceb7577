import { type Database, type EventFilter, type EventRow, pageEvents } from '@entrepot/database';
import { type EndpointOutput, followEvents, listEvents } from '@entrepot/platform-api';
import { Controller, Inject } from '@nestjs/common';
import { z } from 'zod';
import { type FedEvent, followEvents as follow } from '../events/event-feed.js';
import { encodePlace, readPlace } from '../events/event-place.js';
import { DATABASE } from '../providers.js';
import type { Call } from './call.js';
import { decodeCursor, pageFrom } from './cursor.js';
import { lastEventId, type StreamEvent } from './event-stream.js';
import { type Answer, Handles } from './handles.js';
import { PlatformError } from './platform-error.js';

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
    const from = last === undefined ? undefined : await readPlace(this.database, last);
    if (from === null) throw badPlace();
    return this.#stream(follow(this.database, { ...filterOf(query), from, signal }));
  }

  async *#stream(events: AsyncIterable<FedEvent>): AsyncGenerator<StreamEvent<EventJson>> {
    for await (const event of events) yield { id: encodePlace(event.place), event: event.type, data: eventJson(event) };
  }
}

function badPlace(): PlatformError {
  const message = 'expected the id of an event of this stream, or the number of an event';
  return new PlatformError(400, 'INVALID_REQUEST', `header Last-Event-ID: ${message}`, {
    errors: [{ in: 'header', field: 'Last-Event-ID', message }],
  });
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
