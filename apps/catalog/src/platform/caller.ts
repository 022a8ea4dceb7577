import type { Role } from '@entrepot/platform-api';
import type { FastifyRequest } from 'fastify';

/** Who makes a request, as events and audits name them. */
export interface Caller {
  /** Of the token, or `local` where none is needed. */
  name: string;
  role: Role;
}

/** Who made a request that came in. */
export function callerOf(_request: FastifyRequest): Caller {
  return { name: 'local', role: 'admin' };
}
