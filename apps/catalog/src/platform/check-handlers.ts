import { type Endpoint, endpoints } from '@entrepot/platform-api';
import type { Type } from '@nestjs/common';
import { ENDPOINT } from './call.js';

/**
 * Every endpoint of the catalogue has exactly one handler among these controllers; otherwise the start fails.
 *
 * @throws {HandlerError} names the endpoints with none or several
 */
export function checkHandlers(
  controllers: readonly Type[],
  catalogue: Readonly<Record<string, Endpoint>> = endpoints,
): void {
  const handled = controllers.flatMap(handledBy);
  const wrong = Object.entries(catalogue)
    .map(([name, endpoint]) => [name, handled.filter((other) => other === endpoint).length] as const)
    .filter(([, handlers]) => handlers !== 1)
    .map(([name, handlers]) => `${name} has ${handlers === 0 ? 'no handler' : `${handlers} handlers`}`);
  const stray = handled.filter((endpoint) => !Object.values(catalogue).includes(endpoint));
  wrong.push(...stray.map(({ method, path }) => `${method} ${path} is not in the catalogue`));
  if (wrong.length > 0) throw new HandlerError(wrong);
}

function handledBy(controller: Type): Endpoint[] {
  const methods = Object.values(Object.getOwnPropertyDescriptors(controller.prototype)).map(({ value }) => value);
  return methods
    .filter((method) => typeof method === 'function')
    .map((method) => Reflect.getMetadata(ENDPOINT, method) as Endpoint | undefined)
    .filter((endpoint) => endpoint !== undefined);
}

/** The catalogue and the handlers do not fit together. */
export class HandlerError extends Error {
  override readonly name = 'HandlerError';
  readonly code = 'HANDLERS' as const;
  readonly retryable = false;

  constructor(readonly problems: readonly string[]) {
    super(`the endpoints of the platform API and their handlers do not fit: ${problems.join(', ')}`);
  }
}
