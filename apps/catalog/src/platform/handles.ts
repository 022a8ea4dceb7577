import type { Readable } from 'node:stream';
import { basePath, type Endpoint, type EndpointOutput } from '@entrepot/platform-api';
import { Delete, Get, HttpCode, Patch, Post, Put, SetMetadata, UseInterceptors } from '@nestjs/common';
import { type Call, CheckedCall, ENDPOINT } from './call.js';
import { EndpointInterceptor } from './endpoint-interceptor.js';
import type { StreamEvent } from './event-stream.js';

/** What a handler gives back. */
export type Answer<E extends Endpoint> = E['stream'] extends 'events'
  ? AsyncIterable<StreamEvent<EndpointOutput<E>>>
  : E['stream'] extends 'bytes'
    ? Readable | Buffer | string | undefined
    : EndpointOutput<E>;

type Handler<E extends Endpoint> = (call: Call<E>) => Promise<Answer<E>>;

const methods = { GET: Get, POST: Post, PUT: Put, PATCH: Patch, DELETE: Delete };

/**
 * Makes a method the handler of an endpoint: routing, who may call, the checks of everything that comes in and the shape
 * of what goes out follow from the endpoint. The method takes the checked call.
 */
export function Handles<E extends Endpoint>(endpoint: E) {
  return (target: object, key: string, descriptor: TypedPropertyDescriptor<Handler<E>>): void => {
    const path = `${basePath}${endpoint.path.replace(/\{(\w+)\}/g, ':$1')}`;
    for (const decorate of [
      methods[endpoint.method](path),
      HttpCode(endpoint.status),
      SetMetadata(ENDPOINT, endpoint),
      UseInterceptors(EndpointInterceptor),
    ]) {
      decorate(target, key, descriptor as TypedPropertyDescriptor<unknown>);
    }
    CheckedCall()(target, key, 0);
  };
}
