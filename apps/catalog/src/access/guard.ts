import { type Role, roles } from '@entrepot/platform-api';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { isPlatformUrl } from '../platform/platform-url.js';
import type { Access } from './access.js';
import { AccessDeniedError, RoleTooLowError } from './access-denied-error.js';
import { type Caller, runAs } from './caller.js';

/** What tells only that this server runs. */
const open = new Set(['/_ping', '/v1/_ping', '/healthz', '/readyz']);

/** Lets every request of a server be somebody's, and refuses those who may not ask what they ask. */
export function guardRequests(fastify: FastifyInstance, access: Access): void {
  fastify.addHook('onRequest', (request, _reply, done) => {
    access.identify(request).then(
      (caller) => runAs(request, caller, () => done(refusal(request, caller))),
      (error: Error) => done(error),
    );
  });
}

/**
 * Whether a caller may do what needs this role.
 *
 * @throws {AccessDeniedError} who has shown nothing
 * @throws {RoleTooLowError}
 */
export function demandRole(caller: Caller, needed: Role): void {
  if (roles.indexOf(caller.role) >= roles.indexOf(needed)) return;
  if (caller.role === 'anyone') throw new AccessDeniedError(`this needs a token of the role ${needed}`);
  throw new RoleTooLowError(caller.name, caller.role, needed);
}

/** The endpoints of the platform API say themselves what they need; of the Engine API, reading and changing differ. */
function refusal(request: FastifyRequest, caller: Caller): Error | undefined {
  const path = request.url.split('?')[0] ?? '';
  if (isPlatformUrl(path) || open.has(path)) return undefined;
  try {
    demandRole(caller, engineRole(request.method));
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

function engineRole(method: string): Role {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS' ? 'reader' : 'operator';
}
