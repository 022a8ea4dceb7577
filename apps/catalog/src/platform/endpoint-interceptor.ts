import type { Endpoint } from '@entrepot/platform-api';
import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { from, lastValueFrom, type Observable, of } from 'rxjs';
import { callerOf } from '../access/caller.js';
import { demandRole } from '../access/guard.js';
import { closedSignal } from '../docker-engine/message-stream.js';
import { type Call, ENDPOINT, keepCall } from './call.js';
import { endEventId, lastEventId, type StreamEvent, sendEvents } from './event-stream.js';
import { Idempotency, type KeyedWork } from './idempotency.js';
import { readBody, readParams, readQuery, readText } from './read-input.js';

/** What happens around every handler: who may call, what came in, what goes out. */
@Injectable()
export class EndpointInterceptor implements NestInterceptor {
  constructor(private readonly idempotency: Idempotency) {}

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const endpoint = Reflect.getMetadata(ENDPOINT, context.getHandler()) as Endpoint;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const reply = context.switchToHttp().getResponse<FastifyReply>();
    const call = await checkedCall(endpoint, request, reply);
    keepCall(call);
    // An EventSource would otherwise come back to a stream that has ended again and again.
    if (endpoint.stream === 'events' && lastEventId(request) === endEventId) {
      void reply.code(204);
      return of(undefined);
    }
    const keyed = await this.idempotency.take(endpoint, call);
    if (keyed?.kind === 'answer') {
      void reply.code(keyed.status).header('idempotency-replayed', 'true');
      return of(keyed.answer);
    }
    return from(this.#handle(endpoint, reply, next, keyed));
  }

  async #handle(endpoint: Endpoint, reply: FastifyReply, next: CallHandler, keyed: KeyedWork | null): Promise<unknown> {
    try {
      const answer = shape(endpoint, reply, await lastValueFrom(next.handle(), { defaultValue: undefined }));
      await keyed?.keep(endpoint.status, answer);
      return answer;
    } catch (error) {
      await keyed?.drop();
      throw error;
    }
  }
}

async function checkedCall(endpoint: Endpoint, request: FastifyRequest, reply: FastifyReply): Promise<Call<Endpoint>> {
  const caller = callerOf(request);
  demandRole(caller, endpoint.role);
  return {
    params: readParams(endpoint, request),
    query: readQuery(endpoint, request),
    body: await readBody(endpoint, request),
    // Whether two requests are the same is told from all of the body, so it must be one that can be held.
    text: endpoint.upload && endpoint.startsWork ? await readText(request, endpoint.maxBodyBytes) : '',
    ...{ caller, request, reply, signal: closedSignal(reply) },
  };
}

/** Only what the endpoint promises leaves; a handler that breaks the promise is a fault. */
function shape(endpoint: Endpoint, reply: FastifyReply, answer: unknown): unknown {
  switch (endpoint.stream) {
    case 'none':
      return endpoint.response.parse(answer);
    case 'events':
      return sendEvents(endpoint, reply, answer as AsyncIterable<StreamEvent<unknown>>);
    case 'bytes':
      return answer;
  }
}
