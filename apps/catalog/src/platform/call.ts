import type { Endpoint } from '@entrepot/platform-api';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { Caller } from '../access/caller.js';

/** Where a handler's endpoint stands in its metadata. */
export const ENDPOINT = Symbol('endpoint');

/** A request that has passed every check of its endpoint. */
export interface Call<E extends Endpoint> {
  params: z.output<E['params']>;
  query: z.output<E['query']>;
  body: z.output<E['body']>;
  /** The raw body, where an endpoint that starts work takes one; '' elsewhere. */
  text: string;
  caller: Caller;
  /** Aborts when the client has gone. */
  signal: AbortSignal;
  /** For raw bodies, ranges and headers of answers. */
  request: FastifyRequest;
  reply: FastifyReply;
}

const calls = new WeakMap<FastifyRequest, Call<Endpoint>>();

/** Leaves a checked call for the handler of this request. */
export function keepCall(call: Call<Endpoint>): void {
  calls.set(call.request, call);
}

/** Gives a handler its checked call. */
export const CheckedCall = createParamDecorator((_: unknown, context: ExecutionContext) =>
  calls.get(context.switchToHttp().getRequest()),
);
