import { AsyncLocalStorage } from 'node:async_hooks';
import type { Role } from '@entrepot/platform-api';
import type { FastifyRequest } from 'fastify';

/** Who makes a request, as events name them. */
export interface Caller {
  /** Of the token or certificate; `local` where none is needed, `anonymous` where one is and none came. */
  name: string;
  role: Role;
}

const callers = new WeakMap<FastifyRequest, Caller>();
const names = new AsyncLocalStorage<string>();

/** Goes on with a request in the name of whoever makes it. */
export function runAs(request: FastifyRequest, caller: Caller, next: () => void): void {
  callers.set(request, caller);
  names.run(caller.name, next);
}

/** Who made a request that came in. */
export function callerOf(request: FastifyRequest): Caller {
  return callers.get(request) ?? anonymous;
}

/** In whose name the code works that asks; null outside a request. */
export function currentCaller(): string | null {
  return names.getStore() ?? null;
}

/** Somebody who has shown nothing. */
export const anonymous: Caller = { name: 'anonymous', role: 'anyone' };
