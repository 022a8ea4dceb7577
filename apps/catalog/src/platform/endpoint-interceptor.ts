import { type Endpoint, roles } from '@entrepot/platform-api';
import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { map, type Observable, of } from 'rxjs';
import { closedSignal } from '../docker-engine/message-stream.js';
import { type Call, ENDPOINT, keepCall } from './call.js';
import { callerOf } from './caller.js';
import { endEventId, lastEventId, type StreamEvent, sendEvents } from './event-stream.js';
import { PlatformError } from './platform-error.js';
import { readBody, readParams, readQuery } from './read-input.js';

/** What happens around every handler: who may call, what came in, what goes out. */
@Injectable()
export class EndpointInterceptor implements NestInterceptor {
  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const endpoint = Reflect.getMetadata(ENDPOINT, context.getHandler()) as Endpoint;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const reply = context.switchToHttp().getResponse<FastifyReply>();
    keepCall(await checkedCall(endpoint, request, reply));
    // An EventSource would otherwise come back to a stream that has ended again and again.
    if (endpoint.stream === 'events' && lastEventId(request) === endEventId) {
      void reply.code(204);
      return of(undefined);
    }
    return next.handle().pipe(map((answer: unknown) => shape(endpoint, reply, answer)));
  }
}

async function checkedCall(endpoint: Endpoint, request: FastifyRequest, reply: FastifyReply): Promise<Call<Endpoint>> {
  const caller = callerOf(request);
  if (roles.indexOf(caller.role) < roles.indexOf(endpoint.role)) {
    throw new PlatformError(403, 'ROLE_TOO_LOW', `${caller.name} is ${caller.role}; this needs ${endpoint.role}`);
  }
  return {
    params: readParams(endpoint, request),
    query: readQuery(endpoint, request),
    body: await readBody(endpoint, request),
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
